import { describe, expect, it } from 'vitest'
import { parseWorkload, type Release, type Workload } from '../facts/release.ts'
import { judgeVersion } from './api-server.ts'
import { judgeDeployments } from './deployments.ts'
import { judgeEnforcement } from './enforcement.ts'
import { judgeRelease } from './release.ts'
import { judgeVersions } from './versions.ts'

const workload = (name: string, over: Partial<Workload> = {}): Workload => ({
  name,
  version: '0.1.0',
  image: 'controller:0.1.0',
  replicas: 2,
  available: 2,
  updated: 2,
  trouble: '',
  flags: {},
  ...over,
})
const release = (over: Partial<Release> = {}): Release => ({
  name: 'sallyport',
  namespace: 'sallyport-system',
  instance: 'sallyport',
  webhook: workload('sallyport-webhook'),
  controller: workload('sallyport-controller', { replicas: 1, available: 1, updated: 1 }),
  ...over,
})
const webhook = (over: Partial<Workload>): Release => release({ webhook: workload('sallyport-webhook', over) })

describe('judgeVersion', () => {
  it.each([
    ['1', '30', 'v1.30.0', 'Ok'],
    ['1', '33+', 'v1.33.1-eks-1', 'Ok'],
    ['2', '0', 'v2.0.0', 'Ok'],
    ['1', '29', 'v1.29.9', 'Failed'],
    ['', '', '', 'Warning'],
  ])('%s.%s', (major, minor, gitVersion, result) => {
    expect(judgeVersion({ major, minor, gitVersion }).result).toBe(result)
  })
})

describe('judgeRelease', () => {
  it('is content with one Deployment, and says where it looked for both', () => {
    expect(judgeRelease(release({ webhook: null })).result).toBe('Ok')
    const absent = judgeRelease(release({ webhook: null, controller: null }))
    expect(absent.result).toBe('Failed')
    expect(absent.message).toContain('namespace sallyport-system')
  })
})

describe('judgeDeployments', () => {
  it.each<[string, Release, string, string]>([
    ['all there', release(), 'Ok', '2 webhooks'],
    ['a replica away', webhook({ available: 1 }), 'Warning', 'not every replica'],
    ['a rollout under way', webhook({ updated: 1 }), 'Warning', 'not every replica'],
    ['no webhook', webhook({ available: 0 }), 'Failed', 'not every replica'],
    ['webhooks scaled to 0', webhook({ replicas: 0, available: 0, updated: 0 }), 'Failed', 'not every replica'],
    ['no Deployment of the controller', release({ controller: null }), 'Failed', 'not every replica'],
    ['one webhook', webhook({ replicas: 1, available: 1, updated: 1 }), 'Warning', 'one replica'],
  ])('%s', (_name, given, result, message) => {
    const finding = judgeDeployments(given)
    expect(finding.result).toBe(result)
    expect(finding.message).toContain(message)
  })
})

describe('judgeVersions', () => {
  it.each<[string, Release, string, string]>([
    ['one version', release(), '0.1.0', 'Ok'],
    ['an upgrade half way', webhook({ version: '0.2.0' }), '0.1.0', 'Warning'],
    ['another image', webhook({ image: 'mine:1' }), '0.1.0', 'Warning'],
    ['an old command', release(), '0.0.9', 'Warning'],
  ])('%s', (_name, given, own, result) => {
    expect(judgeVersions(given, own).result).toBe(result)
  })
})

describe('judgeEnforcement', () => {
  const on = { mutating: true, validating: true, bindings: true }
  it('is on, partly off or off', () => {
    expect(judgeEnforcement(release(), on)).toEqual({ result: 'Ok', message: 'enforcement is on' })
    const [partly, off] = [
      { ...on, bindings: false },
      { mutating: false, validating: false, bindings: false },
    ].map((present) => judgeEnforcement(release(), present))
    expect([partly?.result, off?.result]).toEqual(['Failed', 'Failed'])
    expect(partly?.message).toContain('partly off')
    expect(off?.message).toContain('enforcement is off')
  })
})

describe('parseWorkload', () => {
  it('counts no replica of a revision the cluster has not seen', () => {
    const status = { observedGeneration: 1, availableReplicas: 2, updatedReplicas: 2 }
    expect(parseWorkload({ metadata: { generation: 2 }, spec: { replicas: 2 }, status })).toMatchObject({ updated: 0 })
  })

  it('reads flags, of which the last counts', () => {
    const args = ['--sidecar-image=a:1', '--role=webhook', '--sidecar-image=b:2', 'not-a-flag']
    const deployment = { spec: { template: { spec: { containers: [{ args }] } } } }
    expect(parseWorkload(deployment).flags).toEqual({ 'sidecar-image': 'b:2', role: 'webhook' })
  })
})
