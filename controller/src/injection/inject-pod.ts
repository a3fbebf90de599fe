import { interceptionOf } from './interception.ts'
import { injectedAnnotation, interceptionAnnotation, mirrorAnnotation, sealAnnotation } from './names.ts'
import { foundParts, makeParts, withoutParts, type Parts } from './parts.ts'
import type { Pod } from './pod.ts'
import type { PodProblem } from './pod-problem.ts'
import { podProblems } from './pod-problems.ts'
import { isSealed, sealedText, sealOf, serviceAccountOf, type SealedPod } from './seal.ts'
import type { InjectionPlace, InjectionSettings } from './settings.ts'

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

/**
 * Puts the sidecar into a pod. Nothing the pod's author wrote changes what is put in.
 *
 * A pod that carries a seal of ours, because the webhook is called again or because somebody copied one, gets what is put
 * in now in place of what is in it: whatever other webhooks or the copy's author made of it is gone.
 */
export function injectPod(pod: Pod, place: InjectionPlace, settings: InjectionSettings): Injection {
  if (place.isNode && pod.metadata.annotations?.[mirrorAnnotation] !== undefined)
    return { kind: 'Skip', reason: 'mirror-pod' }
  const mode = interceptionOf(pod, place.interception)
  const parts = makeParts(pod, mode, place, settings)
  const isStamped = carriesOurs(pod, parts, place, settings)
  const bare = isStamped ? withoutParts(pod) : pod
  const problems = podProblems(bare, { ...place, mode, controllerUrl: settings.controllerUrl })
  if (problems.length > 0) return { kind: 'Refuse', problems }
  const annotations = { ...bare.metadata.annotations, ...annotationsOf(bare, parts, place, settings) }
  if (isStamped && isWhole(pod, parts, annotations, place)) return { kind: 'Skip', reason: 'already-injected' }
  const changed = {
    volumes: [...(bare.spec.volumes ?? []), ...parts.volumes],
    hostAliases: [...(bare.spec.hostAliases ?? []), ...parts.hostAliases],
    initContainers: [...parts.initContainers, ...(bare.spec.initContainers ?? [])],
  }
  return {
    kind: 'Inject',
    pod: { ...pod, metadata: { ...pod.metadata, annotations }, spec: { ...pod.spec, ...changed } },
    patch: [
      { op: 'add', path: '/metadata/annotations', value: annotations },
      ...Object.entries(changed).map(([field, value]) => ({ op: 'add' as const, path: `/spec/${field}`, value })),
    ],
  }
}

function annotationsOf(
  pod: Pod,
  parts: Parts,
  place: InjectionPlace,
  { image, sealKey }: InjectionSettings,
): Readonly<Record<string, string>> {
  const seal = sealKey ? { [sealAnnotation]: sealOf(sealKey, sealedPod(pod, parts, place)) } : {}
  return { [injectedAnnotation]: image, [interceptionAnnotation]: parts.mode, ...seal }
}

/**
 * Whether the pod carries a seal of ours: over what it holds, or over what is put in now and another webhook has changed
 * since. Without a key nothing is sealed, and what it holds must be what is put in now.
 */
function carriesOurs(pod: Pod, parts: Parts, place: InjectionPlace, { sealKey }: InjectionSettings): boolean {
  const [found, fresh] = [sealedPod(pod, { mode: parts.mode, ...foundParts(pod) }, place), sealedPod(pod, parts, place)]
  if (!sealKey) return sealedText(found) === sealedText(fresh)
  const seal = pod.metadata.annotations?.[sealAnnotation] ?? ''
  return isSealed(sealKey, found, seal) || isSealed(sealKey, fresh, seal)
}

/** Whether nothing would change. */
function isWhole(
  pod: Pod,
  parts: Parts,
  annotations: Readonly<Record<string, string>>,
  place: InjectionPlace,
): boolean {
  const found = { mode: parts.mode, ...foundParts(pod) }
  const names = (pod.spec.initContainers ?? []).slice(0, parts.initContainers.length).map(({ name }) => name)
  const aliases = pod.spec.hostAliases ?? []
  return (
    sealedText(sealedPod(pod, found, place)) === sealedText(sealedPod(pod, parts, place)) &&
    names.join() === parts.initContainers.map(({ name }) => name).join() &&
    parts.hostAliases.every(({ ip, hostnames }) =>
      aliases.some((alias) => alias.ip === ip && alias.hostnames?.join() === hostnames?.join()),
    ) &&
    Object.entries(annotations).every(([key, value]) => pod.metadata.annotations?.[key] === value)
  )
}

function sealedPod(
  pod: Pod,
  { mode, initContainers, volumes }: Pick<Parts, 'mode' | 'initContainers' | 'volumes'>,
  { namespace }: InjectionPlace,
): SealedPod {
  return { namespace, serviceAccountName: serviceAccountOf(pod), mode, parts: { initContainers, volumes } }
}
