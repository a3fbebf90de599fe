/** Names and addresses of the one node there is. Addresses are the machine's own, on devices made for them. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'

export const node = { name: 'node1', ipv4: '10.88.0.1', ipv6: 'fd00:88::1', apiPort: 6443 } as const
export const pods = { ipv4: '10.244.0.0/24', ipv6: 'fd00:10:244::/64' } as const
/** Gateways of the pods, on the bridge that joins them. */
export const podGateway = { ipv4: '10.244.0.1/24', ipv6: 'fd00:10:244::1/64' } as const
export const services = { ipv4: '10.96.0.0/16', ipv6: 'fd00:10:96::/112' } as const
/** First address of a range: the API server's Service. */
export const apiService = { ipv4: '10.96.0.1', ipv6: 'fd00:10:96::1' } as const
export const dnsService = { ipv4: '10.96.0.10', ipv6: 'fd00:10:96::a' } as const
export const clusterDomain = 'cluster.local'

/** `node` carries the node's addresses and, in its alias, the folder of the cluster it belongs to; `pods` joins the pods. */
export const bridges = { node: 'sp0', pods: 'cni0' } as const
/** Keeps pods from reaching anything but each other and this machine, and anything from being routed to them. */
export const fenceTable = 'sallyport_cluster'
export const pauseImage = 'registry.local/pause:3.10'

/** Paths of a cluster, all in its folder. */
export interface Layout {
  readonly dir: string
  /**
   * Of this cluster alone: its cgroup in every hierarchy, with whatever it starts below it, so that nothing can hide; and
   * its pods' network, by which the plugins name their notes.
   */
  readonly id: string
  /** What the cluster found when it started; written before it changes anything. */
  readonly before: string
  /** Written when the cluster is up; see RunningCluster. */
  readonly running: string
  readonly kubeconfig: string
  readonly pids: string
  readonly logs: string
  readonly credentials: string
  readonly config: string
  readonly etcd: string
  readonly kubelet: string
  readonly podLogs: string
  readonly containerdRoot: string
  readonly containerdState: string
  readonly containerdSocket: string
}

export function layoutOf(dir: string): Layout {
  return {
    dir,
    id: `sallyport-${createHash('sha256').update(dir).digest('hex').slice(0, 8)}`,
    before: join(dir, 'before.json'),
    running: join(dir, 'running.json'),
    kubeconfig: join(dir, 'kubeconfig'),
    pids: join(dir, 'pids'),
    logs: join(dir, 'logs'),
    credentials: join(dir, 'credentials'),
    config: join(dir, 'config'),
    etcd: join(dir, 'etcd'),
    kubelet: join(dir, 'kubelet'),
    podLogs: join(dir, 'pod-logs'),
    containerdRoot: join(dir, 'containerd/root'),
    containerdState: join(dir, 'containerd/state'),
    containerdSocket: join(dir, 'containerd/containerd.sock'),
  }
}

/** There are none, but the folder is made where it is not there. */
export function volumePlugins({ kubelet }: Layout): string {
  return join(kubelet, 'volume-plugins')
}
