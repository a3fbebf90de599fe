import { isIP } from 'node:net'
import { sidecarTokenAudience } from '@sallyport/crds'
import type { Container, HostAlias, Volume } from './pod.ts'

/** A Database that grants of the pod's namespace may name. */
export interface InjectionDatabase {
  readonly namespace: string
  readonly name: string
  readonly host: string
  readonly port: number
  readonly localPort: number
}

export interface InjectionSettings {
  readonly image: string
  /** Where the sidecar dials the controller, `https://…`. */
  readonly controllerUrl: string
  /** PEM of the authorities the controller is trusted by. */
  readonly caBundle: string
}

export const names = { prefix: 'sallyport-', container: 'sallyport', token: 'sallyport-token', spool: 'sallyport-spool' } as const // prettier-ignore
export const ports = { first: 15_900, last: 15_999, health: 15_901 } as const
export const sidecarUid = 5555

const tokenDir = '/var/run/sallyport'
const spoolDir = '/var/lib/sallyport/spool'

export interface LoopbackAddress {
  readonly database: InjectionDatabase
  /** In 127.20.0.0/16, one for each host. */
  readonly address: string
}

/**
 * A loopback address for every host, in the order of names, so that it is the same in every pod. A host given by IP
 * address has none: no name leads to it. Of two Databases on the same host and port only the first is reached by its
 * name; both are by `localPort`.
 */
export function loopbackAddresses(databases: readonly InjectionDatabase[]): readonly LoopbackAddress[] {
  const hosts = new Map<string, string>()
  const seen = new Set<string>()
  const found: LoopbackAddress[] = []
  for (const database of [...databases].sort(byName)) {
    const host = database.host.toLowerCase()
    if (isIP(host) !== 0 || seen.has(`${host}:${database.port}`)) continue
    seen.add(`${host}:${database.port}`)
    const number = hosts.size + 1
    const address = hosts.get(host) ?? `127.20.${Math.floor(number / 254)}.${(number % 254) + (number >= 254 ? 1 : 0)}`
    hosts.set(host, address)
    found.push({ database, address })
  }
  return found
}

/** The application's way to each Database: its host name leads to the sidecar. */
export function hostAliases(addresses: readonly LoopbackAddress[]): readonly HostAlias[] {
  const byAddress = new Map(addresses.map(({ address, database }) => [address, database.host]))
  return [...byAddress].map(([ip, host]) => ({ ip, hostnames: [host] }))
}

/**
 * The native sidecar (KEP-753, Kubernetes ≥ 1.29): started before every other container, gating them by its startup probe,
 * and ended after them.
 */
export function sidecarContainer(settings: InjectionSettings, addresses: readonly LoopbackAddress[]): Container {
  const probe = (path: string): object => ({ httpGet: { path, port: ports.health } })
  const field = (name: string, fieldPath: string): object => ({ name, valueFrom: { fieldRef: { fieldPath } } })
  return {
    name: names.container,
    image: settings.image,
    command: ['sallyport-sidecar'],
    args: [
      `--controller-url=${settings.controllerUrl}`,
      `--token-file=${tokenDir}/token`,
      `--spool-dir=${spoolDir}`,
      `--health-port=${ports.health}`,
      ...addresses.map(
        ({ database, address }) => `--listen=${database.namespace}/${database.name}=${address}:${database.port}`,
      ),
    ],
    env: [
      field('POD_NAME', 'metadata.name'),
      field('POD_NAMESPACE', 'metadata.namespace'),
      field('POD_UID', 'metadata.uid'),
      { name: 'SALLYPORT_CA_CERT', value: settings.caBundle },
    ],
    restartPolicy: 'Always',
    startupProbe: { ...probe('/readyz'), periodSeconds: 1, timeoutSeconds: 1, failureThreshold: 120 },
    livenessProbe: { ...probe('/healthz'), periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
    resources: { requests: { cpu: '10m', memory: '96Mi' }, limits: { memory: '512Mi' } },
    securityContext: {
      runAsUser: sidecarUid,
      runAsGroup: sidecarUid,
      runAsNonRoot: true,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      { name: names.token, mountPath: tokenDir, readOnly: true },
      { name: names.spool, mountPath: spoolDir },
    ],
  }
}

/** Token and spool, mounted in the sidecar only. */
export function sidecarVolumes(): readonly Volume[] {
  const token = { audience: sidecarTokenAudience, expirationSeconds: 3600, path: 'token' }
  return [
    { name: names.token, projected: { sources: [{ serviceAccountToken: token }] } },
    { name: names.spool, emptyDir: { sizeLimit: '128Mi' } },
  ]
}

function byName(left: InjectionDatabase, right: InjectionDatabase): number {
  const [a, b] = [`${left.namespace}/${left.name}`, `${right.namespace}/${right.name}`]
  return a < b ? -1 : a > b ? 1 : 0
}
