import { names, type InjectionDatabase, type InjectionSettings } from '../injection/sidecar-container.ts'
import { injectPod } from '../injection/inject-pod.ts'
import { parsePod } from '../injection/pod.ts'
import { ephemeralProblems } from '../injection/pod-problems.ts'
import { isRecord } from '../kube/objects.ts'
import type { AdmissionAnswer, AdmissionRequest } from './review.ts'

/** Injects the sidecar into a pod that is created. */
export function reviewPod(
  request: AdmissionRequest,
  databases: readonly InjectionDatabase[],
  settings: InjectionSettings,
): AdmissionAnswer {
  const pod = parsePod(request.object)
  if (!pod) return { kind: 'Refuse', reason: 'pod-unreadable', problems: [{ path: 'spec', message: 'is no pod' }] }
  const result = injectPod(pod, databases, settings)
  switch (result.kind) {
    case 'Inject':
      return { kind: 'Allow', patch: result.patch }
    case 'Skip':
      return { kind: 'Allow' }
    case 'Refuse':
      return { kind: 'Refuse', reason: result.problems[0]?.reason ?? 'pod-unreadable', problems: result.problems }
  }
}

/** Keeps ephemeral containers out of a sidecar; those that were there before are judged again, to the same end. */
export function reviewEphemeralContainers(request: AdmissionRequest): AdmissionAnswer {
  const pod = parsePod(request.object)
  if (!pod) return { kind: 'Refuse', reason: 'pod-unreadable', problems: [{ path: 'spec', message: 'is no pod' }] }
  const hasSidecar = (pod.spec.initContainers ?? []).some(({ name }) => name === names.container)
  const problems = hasSidecar ? ephemeralProblems(pod) : []
  const [first] = problems
  return first ? { kind: 'Refuse', reason: first.reason, problems } : { kind: 'Allow' }
}

/** Namespace of a pod at admission: in the request, not always in the object. */
export function namespaceOf(request: AdmissionRequest): string {
  const metadata = isRecord(request.object) ? request.object.metadata : null
  const own = isRecord(metadata) ? metadata.namespace : undefined
  return request.namespace ?? (typeof own === 'string' ? own : '')
}
