import { injectPod } from '../injection/inject-pod.ts'
import { parsePod } from '../injection/pod.ts'
import type { InjectionPlace, InjectionSettings } from '../injection/settings.ts'
import { isRecord } from '../kube/objects.ts'
import type { AdmissionAnswer, AdmissionRequest } from './review.ts'

/**
 * Injects the sidecar into a pod that is created.
 * @param placeOf  what is known of a namespace; null: nothing yet.
 */
export function reviewPod(
  request: AdmissionRequest,
  placeOf: (namespace: string) => InjectionPlace | null,
  settings: InjectionSettings,
): AdmissionAnswer {
  const pod = parsePod(request.object)
  if (!pod) return { kind: 'Refuse', reason: 'pod-unreadable', problems: [{ path: 'spec', message: 'is no pod' }] }
  const namespace = namespaceOf(request)
  const place = placeOf(namespace)
  // A namespace made this moment: what it asks for is not known, and no guess may be looser.
  if (!place)
    return {
      kind: 'Refuse',
      reason: 'namespace-unknown',
      problems: [{ path: 'metadata.namespace', message: `${namespace} is not known to the webhook yet; try again` }],
    }
  const result = injectPod(pod, { ...place, isNode: request.groups.includes('system:nodes') }, settings)
  switch (result.kind) {
    case 'Inject':
      return { kind: 'Allow', patch: result.patch, outcome: 'injected' }
    case 'Skip':
      return { kind: 'Allow', outcome: result.reason }
    case 'Refuse':
      return { kind: 'Refuse', reason: result.problems[0]?.reason ?? 'pod-unreadable', problems: result.problems }
  }
}

/** Namespace of a pod at admission: in the request, not always in the object. */
function namespaceOf(request: AdmissionRequest): string {
  const metadata = isRecord(request.object) ? request.object.metadata : null
  const own = isRecord(metadata) ? metadata.namespace : undefined
  return request.namespace ?? (typeof own === 'string' ? own : '')
}
