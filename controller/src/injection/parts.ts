import type { InterceptionMode } from '@sallyport/crds'
import { hostAliases, loopbackAddresses, loopbackNetwork } from './databases.ts'
import { injectedAnnotation, names, sealAnnotation } from './names.ts'
import { omit } from './omit.ts'
import type { Container, HostAlias, Pod, Volume } from './pod.ts'
import { probeContainer, redirectContainer } from './redirect-containers.ts'
import type { InjectionPlace, InjectionSettings } from './settings.ts'
import { sidecarContainer } from './sidecar-container.ts'
import { sidecarVolumes } from './sidecar-volumes.ts'

/** What is put into a pod. */
export interface Parts {
  readonly mode: InterceptionMode
  /** Of a native sidecar and, in `Redirect`, what must run before it; they come before every other init container. */
  readonly initContainers: readonly Container[]
  readonly volumes: readonly Volume[]
  readonly hostAliases: readonly HostAlias[]
}

/** Seconds between the sidecar's end and the kubelet's KILL. */
const reserveSeconds = 2

/** What is put into this pod now. */
export function makeParts(
  { spec }: Pod,
  mode: InterceptionMode,
  { databases }: InjectionPlace,
  settings: InjectionSettings,
): Parts {
  const drainSeconds = Math.max(0, (spec.terminationGracePeriodSeconds ?? 30) - reserveSeconds)
  const sidecar = sidecarContainer(settings, databases, mode, drainSeconds)
  const before = mode === 'Redirect' ? [redirectContainer(settings, databases), probeContainer(settings)] : []
  return {
    mode,
    initContainers: [...before, sidecar],
    volumes: sidecarVolumes(mode),
    hostAliases: hostAliases(loopbackAddresses(databases)),
  }
}

const ourContainers: ReadonlySet<string> = new Set([names.redirect, names.probe, names.sidecar])
const ourVolumes: ReadonlySet<string> = new Set([names.token, names.spool, names.state])

/** Whether a container is called exactly like one of ours. */
export function isOurContainer({ name }: { readonly name: string }): boolean {
  return ourContainers.has(name)
}

/** What of a pod is called like what is put in. */
export function foundParts({ spec }: Pod): Pick<Parts, 'initContainers' | 'volumes'> {
  return {
    initContainers: (spec.initContainers ?? []).filter(isOurContainer),
    volumes: (spec.volumes ?? []).filter(({ name }) => ourVolumes.has(name)),
  }
}

/** The pod without what is called like what is put in, and what was said of it. */
export function withoutParts(pod: Pod): Pod {
  const annotations = omit(pod.metadata.annotations ?? {}, [injectedAnnotation, sealAnnotation])
  const { initContainers = [], volumes = [], hostAliases: aliases = [] } = pod.spec
  const spec = {
    ...pod.spec,
    initContainers: initContainers.filter((container) => !isOurContainer(container)),
    volumes: volumes.filter(({ name }) => !ourVolumes.has(name)),
    hostAliases: aliases.filter(({ ip }) => !ip.startsWith(loopbackNetwork)),
  }
  return { ...pod, metadata: { ...pod.metadata, annotations }, spec }
}
