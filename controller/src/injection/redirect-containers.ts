import { redirectPorts, type InjectionDatabase } from './databases.ts'
import { hardened, termination } from './hardened.ts'
import { folders, names, uids } from './names.ts'
import type { Container } from './pod.ts'
import type { InjectionSettings } from './settings.ts'

const shared = {
  command: ['sallyport-redirect'],
  resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '64Mi' } },
  ...termination,
  volumeMounts: [{ name: names.state, mountPath: folders.state }],
} as const

/** Writes the rules of the pod's network and ends; the only container of ours with a capability. */
export function redirectContainer(settings: InjectionSettings, databases: readonly InjectionDatabase[]): Container {
  return {
    ...shared,
    name: names.redirect,
    image: settings.redirectImage,
    args: [
      'apply',
      `--sidecar-uid=${uids.sidecar}`,
      `--state-dir=${folders.state}`,
      ...redirectPorts(databases).map(({ database: { namespace, name, host, port }, port: to }) => {
        const address = host.includes(':') ? `[${host}]` : host
        return `--database=${namespace}/${name}=${address}:${port}=${to}`
      }),
    ],
    securityContext: hardened(0, ['NET_ADMIN']),
  }
}

/** Tries the way around the sidecar from the application's side of the rules, as long as the pod lives. */
export function probeContainer(settings: InjectionSettings): Container {
  return {
    ...shared,
    name: names.probe,
    image: settings.redirectImage,
    args: ['probe', `--state-dir=${folders.state}`, '--interval-seconds=60'],
    restartPolicy: 'Always',
    securityContext: hardened(uids.probe),
  }
}
