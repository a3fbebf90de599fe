import { withoutSidecar } from './without-sidecar.ts'
import type { Pod } from './pod.ts'
import { podProblems, type PodProblem } from './pod-problems.ts'
import {
  hostAliases,
  loopbackAddresses,
  sidecarContainer,
  sidecarVolumes,
  type InjectionDatabase,
  type InjectionSettings,
} from './sidecar-container.ts'

export interface JsonPatchOperation {
  readonly op: 'add'
  readonly path: string
  readonly value: unknown
}

export type Injection =
  | { readonly kind: 'Inject'; readonly pod: Pod; readonly patch: readonly JsonPatchOperation[] }
  /** A webhook may be called again for the same pod; a mirror pod is the kubelet's word about what runs already. */
  | { readonly kind: 'Skip'; readonly reason: 'already-injected' | 'mirror-pod' }
  | { readonly kind: 'Refuse'; readonly problems: readonly PodProblem[] }

/** Set on every injected pod. */
export const injectedAnnotation = 'sallyport.dev/injected'

/**
 * Puts the sidecar into a pod. Nothing the pod's author wrote changes what is put in.
 * @param databases  those grants of the pod's namespace may name; later ones are reached by their `localPort`.
 */
export function injectPod(pod: Pod, databases: readonly InjectionDatabase[], settings: InjectionSettings): Injection {
  if (pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined)
    return { kind: 'Skip', reason: 'mirror-pod' }
  const addresses = loopbackAddresses(databases)
  const container = sidecarContainer(settings, addresses)
  const bare = withoutSidecar(pod, container, sidecarVolumes(), hostAliases(addresses))
  const problems = podProblems(bare ?? pod, databases)
  if (problems.length > 0) return { kind: 'Refuse', problems }
  if (bare) return { kind: 'Skip', reason: 'already-injected' }
  const added = {
    volumes: [...(pod.spec.volumes ?? []), ...sidecarVolumes()],
    hostAliases: [...(pod.spec.hostAliases ?? []), ...hostAliases(addresses)],
    initContainers: [container, ...(pod.spec.initContainers ?? [])],
  }
  const annotations = { ...pod.metadata.annotations, [injectedAnnotation]: settings.image }
  return {
    kind: 'Inject',
    pod: { ...pod, metadata: { ...pod.metadata, annotations }, spec: { ...pod.spec, ...added } },
    patch: [
      { op: 'add', path: '/metadata/annotations', value: annotations },
      ...Object.entries(added).map(([field, value]) => ({ op: 'add' as const, path: `/spec/${field}`, value })),
    ],
  }
}
