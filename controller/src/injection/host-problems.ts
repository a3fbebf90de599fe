import type { InjectionDatabase } from './databases.ts'
import { loopbackNetwork } from './databases.ts'
import { uids } from './names.ts'
import type { Pod } from './pod.ts'
import type { PodProblem } from './pod-problem.ts'

/** What the pod shares with its node or between its containers, and settings of all containers at once. */
export function hostProblems({ spec }: Pod): readonly PodProblem[] {
  const problems: PodProblem[] = []
  const memory = "must be false: the sidecar's memory holds the login of the database"
  if (spec.hostNetwork === true)
    problems.push({ reason: 'host-network', path: 'spec.hostNetwork', message: 'must be false: the sidecar listens on the loopback addresses of the pod' }) // prettier-ignore
  if (spec.hostPID === true) problems.push({ reason: 'host-pid', path: 'spec.hostPID', message: memory })
  if (spec.hostIPC === true)
    problems.push({ reason: 'host-ipc', path: 'spec.hostIPC', message: 'must be false: it is a way out of the pod' })
  if (spec.shareProcessNamespace === true)
    problems.push({ reason: 'shared-process-namespace', path: 'spec.shareProcessNamespace', message: memory })
  if (spec.os?.name !== undefined && spec.os.name !== 'linux')
    problems.push({ reason: 'windows', path: 'spec.os.name', message: 'must be linux' })
  if (isOurUser(spec.securityContext?.runAsUser))
    problems.push({ reason: 'uid-taken', path: 'spec.securityContext.runAsUser', message: takenUser })
  return [...problems, ...dnsProblems({ spec }), ...sysctlProblems({ spec })]
}

export const takenUser = `${uids.sidecar} and ${uids.probe} are the sidecar's own; use another`

/** Whether a user is one that containers of ours run as. */
export function isOurUser(uid: number | undefined): boolean {
  return uid === uids.sidecar || uid === uids.probe
}

/** resolv.conf is the whole pod's: who may add to it could send the sidecar's login to a server of his own. */
function dnsProblems({ spec }: Pick<Pod, 'spec'>): readonly PodProblem[] {
  const message = "must not be set: the sidecar finds the Database by the cluster's DNS"
  const { dnsPolicy, dnsConfig: { nameservers = [], searches = [] } = {} } = spec
  const problems: PodProblem[] = []
  if (dnsPolicy === 'None')
    problems.push({ reason: 'dns-changed', path: 'spec.dnsPolicy', message: `must not be None: the sidecar finds the Database by the cluster's DNS` }) // prettier-ignore
  if (nameservers.length > 0) problems.push({ reason: 'dns-changed', path: 'spec.dnsConfig.nameservers', message })
  if (searches.length > 0) problems.push({ reason: 'dns-changed', path: 'spec.dnsConfig.searches', message })
  return problems
}

/** Those that Kubernetes calls safe, and the Pod Security Standard "baseline" allows. */
const harmlessSysctls: ReadonlySet<string> = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.tcp_wmem',
])

/** With route_localnet, for one, the neighbours of a pod reach its loopback addresses. */
function sysctlProblems({ spec }: Pick<Pod, 'spec'>): readonly PodProblem[] {
  return (spec.securityContext?.sysctls ?? []).flatMap(({ name }, index) => {
    if (harmlessSysctls.has(name.replaceAll('/', '.'))) return []
    const message = `${name} is none of those known to leave the sidecar's network alone; remove it`
    return [{ reason: 'sysctl-unknown', path: `spec.securityContext.sysctls[${index}].name`, message }]
  })
}

/** Names that the sidecar answers for, or finds its controller by, and the addresses it answers on. */
export function hostAliasProblems(
  { spec }: Pod,
  { databases, controllerUrl }: { readonly databases: readonly InjectionDatabase[]; readonly controllerUrl: string },
): readonly PodProblem[] {
  const hosts = new Set(databases.map(({ host }) => host.toLowerCase()))
  const controller = URL.canParse(controllerUrl) ? new URL(controllerUrl).hostname : ''
  return (spec.hostAliases ?? []).flatMap(({ ip, hostnames = [] }, index) => {
    const path = `spec.hostAliases[${index}]`
    const problems: PodProblem[] = []
    if (ip.startsWith(loopbackNetwork))
      problems.push({ reason: 'host-alias-taken', path: `${path}.ip`, message: `${loopbackNetwork}0.0/16 is where the sidecar listens; remove it` }) // prettier-ignore
    for (const [at, hostname] of hostnames.entries()) {
      const [name, where] = [hostname.toLowerCase(), `${path}.hostnames[${at}]`]
      if (hosts.has(name))
        problems.push({ reason: 'host-alias-taken', path: where, message: `${hostname} is the host of a Database, which the sidecar answers for; remove it` }) // prettier-ignore
      if (name === controller)
        problems.push({ reason: 'host-alias-taken', path: where, message: `${hostname} is where the sidecar dials its controller; remove it` }) // prettier-ignore
    }
    return problems
  })
}
