import { describe, expect, it } from 'vitest'
import type { InjectionPlace, InjectionSettings } from '../injection/settings.ts'
import { reviewPod } from './review-pod.ts'
import type { AdmissionRequest } from './review.ts'

const settings: InjectionSettings = { image: 'sidecar', redirectImage: 'redirect', controllerUrl: 'https://c:8443', caBundle: 'PEM' } // prettier-ignore
const mirror = {
  metadata: { annotations: { 'kubernetes.io/config.mirror': 'x' } },
  spec: { containers: [{ name: 'app' }] },
}

function request(object: unknown, more: Partial<AdmissionRequest> = {}): AdmissionRequest {
  return { uid: 'r', operation: 'CREATE', namespace: 'agents', username: 'u', groups: [], dryRun: false, object, oldObject: null, ...more } // prettier-ignore
}

const agents = (namespace: string): InjectionPlace => ({ namespace, databases: [] })

describe('reviewPod', () => {
  it('injects, and says nothing else', () => {
    const answer = reviewPod(request({ spec: { containers: [{ name: 'app' }] } }), agents, settings)
    expect(answer).toMatchObject({ kind: 'Allow', patch: [{ path: '/metadata/annotations' }, {}, {}, {}] })
    expect(answer).not.toHaveProperty('warnings')
  })

  it('asks for the namespace of the request, which a pod need not name', () => {
    const asked: string[] = []
    const placeOf = (namespace: string): InjectionPlace => {
      asked.push(namespace)
      return agents(namespace)
    }
    reviewPod(request({ spec: { containers: [{ name: 'app' }] } }), placeOf, settings)
    reviewPod(request({ metadata: { namespace: 'own' }, spec: { containers: [{ name: 'app' }] } }, { namespace: undefined }), placeOf, settings) // prettier-ignore
    expect(asked).toEqual(['agents', 'own'])
  })

  it('guesses nothing of a namespace it does not know', () => {
    const answer = reviewPod(request({ spec: { containers: [{ name: 'app' }] } }), () => null, settings)
    expect(answer).toMatchObject({ kind: 'Refuse', reason: 'namespace-unknown' })
  })

  it('leaves mirror pods to kubelets', () => {
    expect(reviewPod(request(mirror, { groups: ['system:nodes'] }), agents, settings)).toEqual({
      kind: 'Allow',
      outcome: 'mirror-pod',
    })
    expect(reviewPod(request(mirror), agents, settings)).toMatchObject({ kind: 'Refuse', reason: 'mirror-pod' })
  })

  it('answers with the first reason and every problem', () => {
    const pod = { spec: { hostNetwork: true, hostPID: true, containers: [{ name: 'app' }] } }
    expect(reviewPod(request(pod), agents, settings)).toMatchObject({
      kind: 'Refuse',
      reason: 'host-network',
      problems: [{ path: 'spec.hostNetwork' }, { path: 'spec.hostPID' }],
    })
  })

  it.each([[null], ['pod'], [{}], [{ spec: { containers: {} } }]])('refuses what is no pod: %j', (object) => {
    expect(reviewPod(request(object), agents, settings)).toMatchObject({ kind: 'Refuse', reason: 'pod-unreadable' })
  })
})
