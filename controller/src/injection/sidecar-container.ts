import type { InterceptionMode } from '@sallyport/crds'
import { loopbackAddresses, redirectPorts, type InjectionDatabase } from './databases.ts'
import { hardened, termination } from './hardened.ts'
import { folders, names, ports, uids } from './names.ts'
import type { Container } from './pod.ts'
import type { InjectionSettings } from './settings.ts'

/** Defaults that the API server adds are said, so that what it keeps is what was put in. */
const probeDefaults = { successThreshold: 1 } as const

/**
 * The native sidecar (KEP-753, Kubernetes ≥ 1.29): gates every later container by its startup probe, and ends after them.
 * @param drainSeconds  how long it serves open connections after it was told to end.
 */
export function sidecarContainer(
  settings: InjectionSettings,
  databases: readonly InjectionDatabase[],
  mode: InterceptionMode,
  drainSeconds: number,
): Container {
  const probe = (path: string): object => ({ httpGet: { path, port: ports.health, scheme: 'HTTP' }, ...probeDefaults })
  const field = (name: string, fieldPath: string): Readonly<Record<string, unknown>> => ({
    name,
    valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } },
  })
  const isRedirect = mode === 'Redirect'
  return {
    name: names.sidecar,
    image: settings.image,
    command: ['sallyport-sidecar'],
    args: [
      `--controller-url=${settings.controllerUrl}`,
      `--token-file=${folders.token}/token`,
      `--spool-dir=${folders.spool}`,
      `--health-port=${ports.health}`,
      `--drain-seconds=${drainSeconds}`,
      `--interception=${mode}`,
      ...(isRedirect ? [`--probe-dir=${folders.state}`] : []),
      ...loopbackAddresses(databases).map(
        ({ database, address }) => `--listen=${database.namespace}/${database.name}=${address}:${database.port}`,
      ),
      ...(isRedirect ? redirectPorts(databases) : []).map(
        ({ database, port }) => `--redirect=${database.namespace}/${database.name}=${port}`,
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
    securityContext: hardened(uids.sidecar),
    ...termination,
    volumeMounts: [
      { name: names.token, mountPath: folders.token, readOnly: true },
      { name: names.spool, mountPath: folders.spool },
      ...(isRedirect ? [{ name: names.state, mountPath: folders.state }] : []),
    ],
  }
}
