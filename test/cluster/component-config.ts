import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Credentials } from './credentials.ts'
import { bridges, clusterDomain, dnsService, node, pauseImage, pods, volumePlugins, type Layout } from './layout.ts'

export interface ConfigFiles {
  readonly containerd: string
  readonly kubelet: string
  readonly kubeProxy: string
  readonly corefile: string
}

/**
 * Writes the configuration of what takes one.
 * @param cniBin  folder of the network plugins
 * @param ipv6    whether the machine has IPv6
 */
export function writeConfig(layout: Layout, credentials: Credentials, cniBin: string, ipv6: boolean): ConfigFiles {
  const save = (name: string, content: unknown): string => {
    const path = join(layout.config, name)
    writeFileSync(path, typeof content === 'string' ? content : `${JSON.stringify(content, null, 2)}\n`)
    return path
  }
  save('cni.conflist', cniConfig(layout, ipv6))
  // What pods that do not want the cluster's DNS are given, and what CoreDNS would forward to if it forwarded.
  save('resolv.conf', `nameserver ${dnsService.ipv4}\n`)
  return {
    containerd: save('containerd.toml', containerdConfig(layout, cniBin)),
    kubelet: save('kubelet.yaml', kubeletConfig(layout, credentials)),
    kubeProxy: save('kube-proxy.yaml', kubeProxyConfig(credentials, ipv6)),
    corefile: save('Corefile', corefile(credentials, ipv6)),
  }
}

function containerdConfig(layout: Layout, cniBin: string): string {
  return `version = 2
root = "${layout.containerdRoot}"
state = "${layout.containerdState}"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing",
]
[grpc]
  address = "${layout.containerdSocket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${layout.dir}/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  # Without CAP_SYS_RESOURCE a score cannot be lowered.
  restrict_oom_score_adj = true
  disable_apparmor = true
  # Beside the cluster's other mounts, and not among other people's namespaces.
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${cniBin}"
    conf_dir = "${layout.config}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
        Root = "${layout.dir}/containerd/runc"
`
}

function cniConfig(layout: Layout, ipv6: boolean): unknown {
  return {
    cniVersion: '0.4.0',
    name: layout.id,
    plugins: [
      {
        type: 'bridge',
        bridge: bridges.pods,
        isGateway: true,
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          dataDir: `${layout.dir}/cni`,
          ranges: [[{ subnet: pods.ipv4 }], ...(ipv6 ? [[{ subnet: pods.ipv6 }]] : [])],
          routes: [{ dst: '0.0.0.0/0' }, ...(ipv6 ? [{ dst: '::/0' }] : [])],
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  }
}

function kubeletConfig(layout: Layout, { file }: Credentials): unknown {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: node.ipv4,
    readOnlyPort: 0,
    healthzPort: 0,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: file('ca.crt') },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: file('kubelet.crt'),
    tlsPrivateKeyFile: file('kubelet.key'),
    containerRuntimeEndpoint: `unix://${layout.containerdSocket}`,
    // Limits and settings of the kernel that this machine may refuse to change are then not fatal. And a container that was
    // killed often is started again at once: tests kill it on purpose.
    featureGates: { KubeletInUserNamespace: true, KubeletCrashLoopBackOffMax: true },
    crashLoopBackOff: { maxContainerRestartPeriod: '1s' },
    failCgroupV1: false,
    failSwapOn: false,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${layout.id}`,
    enforceNodeAllocatable: [],
    // The machine's disk is not the cluster's: nothing is evicted or collected for the sake of it.
    evictionHard: {
      'memory.available': '0%',
      'nodefs.available': '0%',
      'nodefs.inodesFree': '0%',
      'imagefs.available': '0%',
    },
    imageGCHighThresholdPercent: 100,
    clusterDNS: [dnsService.ipv4],
    clusterDomain,
    resolvConf: join(layout.config, 'resolv.conf'),
    podLogsDir: layout.podLogs,
    volumePluginDir: volumePlugins(layout),
    makeIPTablesUtilChains: false,
    serializeImagePulls: false,
    // The node is ready that much sooner.
    nodeStatusUpdateFrequency: '2s',
  }
}

function kubeProxyConfig({ file }: Credentials, ipv6: boolean): unknown {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    hostnameOverride: node.name,
    clientConnection: { kubeconfig: file('kube-proxy.kubeconfig') },
    clusterCIDR: ipv6 ? `${pods.ipv4},${pods.ipv6}` : pods.ipv4,
    detectLocalMode: 'ClusterCIDR',
    healthzBindAddress: '127.0.0.1:10256',
    metricsBindAddress: '',
    nftables: { minSyncPeriod: '100ms', syncPeriod: '30s' },
    // Zero leaves the kernel's settings alone.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  }
}

/** Knows the cluster's names and answers that there are no others: nothing leaves the machine. */
function corefile({ file }: Credentials, ipv6: boolean): string {
  return `.:53 {
  bind ${node.ipv4}${ipv6 ? ` ${node.ipv6}` : ''}
  ready 127.0.0.1:8181
  errors
  kubernetes ${clusterDomain} in-addr.arpa ip6.arpa {
    kubeconfig ${file('coredns.kubeconfig')}
    pods insecure
    ttl 5
  }
  template ANY ANY {
    rcode NXDOMAIN
  }
}
`
}
