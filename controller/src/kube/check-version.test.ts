import { describe, expect, it } from 'vitest'
import { parseVersion, versionProblem } from './check-version.ts'

describe('parseVersion', () => {
  it.each([
    { name: 'upstream', answer: { major: '1', minor: '34', gitVersion: 'v1.34.4' }, minor: 34 },
    { name: 'GKE', answer: { major: '1', minor: '29', gitVersion: 'v1.29.6-gke.1038001' }, minor: 29 },
    { name: 'EKS', answer: { major: '1', minor: '30+', gitVersion: 'v1.30.2-eks-1552ad0' }, minor: 30 },
    { name: 'a build without a version', answer: { major: '1', minor: '31+', gitVersion: '$Format:%H$' }, minor: 31 },
  ])('reads $name', ({ answer, minor }) => {
    expect(parseVersion(answer)).toEqual({ major: 1, minor, text: answer.gitVersion })
  })

  it.each([null, [], 'v1.30', {}, { gitVersion: 130 }, { gitVersion: '', major: '', minor: '' }])(
    'makes nothing of %j',
    (answer) => {
      expect(parseVersion(answer)).toBeNull()
    },
  )
})

describe('versionProblem', () => {
  it.each([
    [1, 30],
    [1, 34],
    [2, 0],
  ])('takes %i.%i', (major, minor) => {
    expect(versionProblem({ major, minor, text: '' })).toBeNull()
  })

  it('names the version that is too old and what it lacks', () => {
    expect(versionProblem({ major: 1, minor: 28, text: 'v1.28.3' })).toBe(
      'kubernetes-too-old: this is v1.28.3; Sallyport needs 1.30 or newer for ValidatingAdmissionPolicy (1.29 for native sidecars)',
    )
    expect(versionProblem({ major: 1, minor: 29, text: 'v1.29.9' })).toContain('v1.29.9')
  })
})
