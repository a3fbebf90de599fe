import type { InjectionDatabase } from './databases.ts'
import { isOurUser, takenUser } from './host-problems.ts'
import { isOurName, names, ports } from './names.ts'
import type { Container, Pod } from './pod.ts'
import type { PodProblem } from './pod-problem.ts'

export interface ContainerAt {
  readonly container: Container
  /** As in `spec.containers[0]`. */
  readonly path: string
}

/** Every container with its path. */
export function eachContainer({ spec }: Pod): readonly ContainerAt[] {
  const lists = ['initContainers', 'containers', 'ephemeralContainers'] as const
  return lists.flatMap((list) =>
    (spec[list] ?? []).map((container, index) => ({ container, path: `spec.${list}[${index}]` })),
  )
}

/** What a container of the author's may not be or have, whatever the mode. */
export function containerProblems(
  container: Container,
  path: string,
  databases: readonly InjectionDatabase[],
): readonly PodProblem[] {
  const problems: PodProblem[] = []
  if (path.startsWith('spec.ephemeralContainers'))
    problems.push({ reason: 'ephemeral-container', path, message: 'nothing is added to a pod that has a sidecar; debug a copy of it without access' }) // prettier-ignore
  if (isOurName(container.name))
    problems.push({ reason: 'container-name-taken', path: `${path}.name`, message: `${names.sidecar}, and names that begin with ${names.prefix}, are the sidecar's own; use another` }) // prettier-ignore
  return [
    ...problems,
    ...privilegeProblems(container, `${path}.securityContext`),
    ...portProblems(container, path, databases),
    ...mountProblems(container, path),
  ]
}

/** Capabilities that the Pod Security Standard "baseline" lets a container add. */
const baselineCapabilities: ReadonlySet<string> = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
])

function privilegeProblems({ securityContext = {} }: Container, path: string): readonly PodProblem[] {
  const { privileged, procMount, runAsUser, capabilities: { add = [] } = {} } = securityContext
  const problems: PodProblem[] = []
  if (privileged === true)
    problems.push({ reason: 'privileged', path: `${path}.privileged`, message: 'must be false: it is root of the node' }) // prettier-ignore
  if (procMount !== undefined && procMount !== 'Default')
    problems.push({ reason: 'proc-mount', path: `${path}.procMount`, message: "must be Default: the settings of the pod's network are in /proc" }) // prettier-ignore
  if (isOurUser(runAsUser)) problems.push({ reason: 'uid-taken', path: `${path}.runAsUser`, message: takenUser })
  for (const [index, name] of add.entries()) {
    if (baselineCapabilities.has(name)) continue
    const message = `${name} reaches beyond the container; remove it`
    problems.push({ reason: 'capability-added', path: `${path}.capabilities.add[${index}]`, message })
  }
  return problems
}

function portProblems(
  container: Container,
  path: string,
  databases: readonly InjectionDatabase[],
): readonly PodProblem[] {
  const localPorts = new Set(databases.map(({ localPort }) => localPort))
  const isKept = (port: number): boolean => (port >= ports.first && port <= ports.last) || localPorts.has(port)
  return (container.ports ?? []).flatMap((port, index) =>
    (['containerPort', 'hostPort'] as const).flatMap((field): readonly PodProblem[] => {
      const number = port[field]
      if (number === undefined || !isKept(number)) return []
      const where = `${path}.ports[${index}].${field}`
      return [{ reason: 'port-taken', path: where, message: `${number} is where the sidecar listens; use another` }]
    }),
  )
}

/** A volume of ours that is mounted before it exists would exist by the time the pod is checked. */
function mountProblems(
  { volumeMounts = [], volumeDevices = [], env = [] }: Container,
  path: string,
): readonly PodProblem[] {
  // prettier-ignore
  const used = [
    ...volumeMounts.map(({ name }, index) => ({ name, at: `volumeMounts[${index}].name` })),
    ...volumeDevices.map(({ name }, index) => ({ name, at: `volumeDevices[${index}].name` })),
    ...env.map(({ valueFrom }, index) => ({
      name: valueFrom?.fileKeyRef?.volumeName ?? '',
      at: `env[${index}].valueFrom.fileKeyRef.volumeName`,
    })),
  ]
  return used
    .filter(({ name }) => isOurName(name))
    .map(({ at }) => ({
      reason: 'volume-name-taken',
      path: `${path}.${at}`,
      message: "it is the sidecar's own volume; remove it",
    }))
}
