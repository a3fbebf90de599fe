import { sidecarTokenAudience } from '@sallyport/crds'
import { names, ports, sidecarUid, type InjectionDatabase } from './sidecar-container.ts'
import type { Container, Pod } from './pod.ts'

/** Why a pod cannot have a sidecar that stands in the way; each has a heading in docs/reasons.md. */
export const injectionReasons = [
  'container-name-taken',
  'host-alias-taken',
  'host-network',
  'host-pid',
  'inject-label-unknown',
  'interception-unknown',
  'port-taken',
  'shared-process-namespace',
  'token-audience-taken',
  'uid-taken',
  'volume-name-taken',
  'windows',
] as const
export type InjectionReason = (typeof injectionReasons)[number]

export interface PodProblem {
  readonly reason: InjectionReason
  /** As in `spec.containers[0].ports`. */
  readonly path: string
  readonly message: string
}

/** Label that asks for injection; its only value is `enabled`. */
export const injectLabel = 'sallyport.dev/inject'
/** How the application's connections come to the sidecar. */
export const interceptionAnnotation = 'sallyport.dev/interception'

/** Everything that stands against injection, in the order of the pod's fields. */
export function podProblems(pod: Pod, databases: readonly InjectionDatabase[]): readonly PodProblem[] {
  return [
    ...metadataProblems(pod),
    ...namespaceProblems(pod),
    ...aliasProblems(pod, databases),
    ...volumeProblems(pod),
    ...eachContainer(pod).flatMap(({ container, path }) => containerProblems(container, path, databases)),
  ]
}

function metadataProblems({ metadata }: Pod): readonly PodProblem[] {
  const problems: PodProblem[] = []
  const label = metadata.labels?.[injectLabel]
  if (label !== undefined && label !== 'enabled')
    problems.push({
      reason: 'inject-label-unknown',
      path: `metadata.labels["${injectLabel}"]`,
      message: `must be "enabled", or absent; a pod cannot leave a namespace that is enrolled`,
    })
  const interception = metadata.annotations?.[interceptionAnnotation]
  if (interception !== undefined && interception !== 'Local')
    problems.push({
      reason: 'interception-unknown',
      path: `metadata.annotations["${interceptionAnnotation}"]`,
      message: 'must be "Local", the only one this version has, or absent',
    })
  return problems
}

function namespaceProblems({ spec }: Pod): readonly PodProblem[] {
  const problems: PodProblem[] = []
  if (spec.hostNetwork === true)
    problems.push({ reason: 'host-network', path: 'spec.hostNetwork', message: 'must be false: the sidecar listens on the loopback addresses of the pod' }) // prettier-ignore
  if (spec.hostPID === true)
    problems.push({ reason: 'host-pid', path: 'spec.hostPID', message: "must be false: the sidecar's memory holds the login of the database" }) // prettier-ignore
  if (spec.shareProcessNamespace === true)
    problems.push({ reason: 'shared-process-namespace', path: 'spec.shareProcessNamespace', message: "must be false: the sidecar's memory holds the login of the database" }) // prettier-ignore
  if (spec.os?.name === 'windows') problems.push({ reason: 'windows', path: 'spec.os.name', message: 'must be linux' })
  if (spec.securityContext?.runAsUser === sidecarUid)
    problems.push({ reason: 'uid-taken', path: 'spec.securityContext.runAsUser', message: `${sidecarUid} is the sidecar's own; use another` }) // prettier-ignore
  return problems
}

function aliasProblems({ spec }: Pod, databases: readonly InjectionDatabase[]): readonly PodProblem[] {
  const hosts = new Set(databases.map(({ host }) => host.toLowerCase()))
  return (spec.hostAliases ?? []).flatMap(({ hostnames = [] }, index) =>
    hostnames
      .filter((name) => hosts.has(name.toLowerCase()))
      .map((name): PodProblem => ({
        reason: 'host-alias-taken',
        path: `spec.hostAliases[${index}]`,
        message: `${name} is the host of a Database, which the sidecar answers for; remove it`,
      })),
  )
}

function volumeProblems({ spec }: Pod): readonly PodProblem[] {
  return (spec.volumes ?? []).flatMap(({ name, projected }, index) => {
    const path = `spec.volumes[${index}]`
    const problems: PodProblem[] = []
    if (isOurs(name))
      problems.push({ reason: 'volume-name-taken', path: `${path}.name`, message: `names that begin with ${names.prefix} are the sidecar's own; use another` }) // prettier-ignore
    for (const [at, source] of (projected?.sources ?? []).entries()) {
      if (source.serviceAccountToken?.audience !== sidecarTokenAudience) continue
      problems.push({
        reason: 'token-audience-taken',
        path: `${path}.projected.sources[${at}].serviceAccountToken.audience`,
        message: `tokens for ${sidecarTokenAudience} are the sidecar's own; remove it`,
      })
    }
    return problems
  })
}

function containerProblems(
  container: Container,
  path: string,
  databases: readonly InjectionDatabase[],
): readonly PodProblem[] {
  const problems: PodProblem[] = []
  const localPorts = new Set(databases.map(({ localPort }) => localPort))
  if (container.name === names.container)
    problems.push({ reason: 'container-name-taken', path: `${path}.name`, message: `${names.container} is the sidecar's own; use another` }) // prettier-ignore
  if (container.securityContext?.runAsUser === sidecarUid)
    problems.push({ reason: 'uid-taken', path: `${path}.securityContext.runAsUser`, message: `${sidecarUid} is the sidecar's own; use another` }) // prettier-ignore
  for (const [index, { containerPort }] of (container.ports ?? []).entries()) {
    const isKept = containerPort >= ports.first && containerPort <= ports.last
    if (!isKept && !localPorts.has(containerPort)) continue
    problems.push({
      reason: 'port-taken',
      path: `${path}.ports[${index}].containerPort`,
      message: `${containerPort} is where the sidecar listens; use another`,
    })
  }
  // A volume of ours that is mounted before it exists would exist by the time it is checked.
  for (const field of ['volumeMounts', 'volumeDevices'] as const)
    for (const [index, { name }] of (container[field] ?? []).entries())
      if (isOurs(name))
        problems.push({ reason: 'volume-name-taken', path: `${path}.${field}[${index}].name`, message: "it is the sidecar's own volume; remove it" }) // prettier-ignore
  return problems
}

/** Every container with its path. */
export function eachContainer({ spec }: Pod): readonly { readonly container: Container; readonly path: string }[] {
  const lists = ['initContainers', 'containers', 'ephemeralContainers'] as const
  return lists.flatMap((list) =>
    (spec[list] ?? []).map((container, index) => ({ container, path: `spec.${list}[${index}]` })),
  )
}

/** What an ephemeral container may not do in a pod that has a sidecar. */
export function ephemeralProblems(pod: Pod): readonly PodProblem[] {
  return (pod.spec.ephemeralContainers ?? []).flatMap((container, index) => {
    const path = `spec.ephemeralContainers[${index}]`
    const problems = containerProblems(container, path, []).filter(({ reason }) => reason !== 'port-taken')
    if (container.targetContainerName !== names.container) return problems
    const message = "it would share the process namespace of the sidecar, whose memory holds the database's login"
    return [...problems, { reason: 'shared-process-namespace', path: `${path}.targetContainerName`, message }]
  })
}

function isOurs(volume: string): boolean {
  return volume.startsWith(names.prefix)
}
