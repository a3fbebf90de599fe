import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { requestJson } from '../rig/request-json.ts'
import { runAny } from '../rig/process.ts'
import { freePorts } from '../rig/free-port.ts'
import { toolPath } from '../rig/tool-paths.ts'
import type { ConfigFiles } from './component-config.ts'
import type { Credentials } from './credentials.ts'
import { startDaemon, untilReady, type Daemon } from './daemons.ts'
import { node, services, volumePlugins, type Layout } from './layout.ts'

/** What a component needs to start. */
export interface Ground {
  readonly layout: Layout
  readonly joinFile: string
  readonly credentials: Credentials
  readonly config: ConfigFiles
  readonly ipv6: boolean
}

/** etcd and the API server; resolves when it answers. */
export async function startApiServer({ layout, joinFile, credentials, ipv6 }: Ground): Promise<void> {
  const { url, adminToken, file } = credentials
  // On loopback, where no pod can reach it: etcd asks nobody who they are.
  const [client, peer] = (await freePorts(2)).map((port) => `http://127.0.0.1:${port}`)
  startDaemon(layout, joinFile, toolPath('etcd'), [
    `--data-dir=${layout.etcd}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    '--unsafe-no-fsync',
    '--log-level=warn',
  ])
  const server = startDaemon(layout, joinFile, toolPath('kube-apiserver'), [
    `--etcd-servers=${client}`,
    `--bind-address=${node.ipv4}`,
    `--advertise-address=${node.ipv4}`,
    `--secure-port=${node.apiPort}`,
    `--tls-cert-file=${file('apiserver.crt')}`,
    `--tls-private-key-file=${file('apiserver.key')}`,
    `--client-ca-file=${file('ca.crt')}`,
    `--kubelet-client-certificate=${file('apiserver-kubelet-client.crt')}`,
    `--kubelet-client-key=${file('apiserver-kubelet-client.key')}`,
    `--kubelet-certificate-authority=${file('ca.crt')}`,
    // Else logs and exec look the node's name up in DNS.
    '--kubelet-preferred-address-types=InternalIP',
    `--service-account-key-file=${file('sa.pub')}`,
    `--service-account-signing-key-file=${file('sa.key')}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--token-auth-file=${file('tokens.csv')}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    `--service-cluster-ip-range=${ipv6 ? `${services.ipv4},${services.ipv6}` : services.ipv4}`,
    '--allow-privileged=true',
  ])
  await untilReady(server, 'the API server', () => answers(`${url}/readyz`, adminToken))
}

export function startControllerManager({ layout, joinFile, credentials: { file } }: Ground): Daemon {
  return startDaemon(layout, joinFile, toolPath('kube-controller-manager'), [
    `--kubeconfig=${file('kube-controller-manager.kubeconfig')}`,
    '--leader-elect=false',
    '--secure-port=0',
    '--use-service-account-credentials',
    // Its many controllers begin by asking for a token each, and would wait for one another.
    '--kube-api-qps=500',
    '--kube-api-burst=500',
    `--service-account-private-key-file=${file('sa.key')}`,
    `--root-ca-file=${file('ca.crt')}`,
    `--cluster-signing-cert-file=${file('ca.crt')}`,
    `--cluster-signing-key-file=${file('ca.key')}`,
    `--flex-volume-plugin-dir=${volumePlugins(layout)}`,
  ])
}

export function startScheduler({ layout, joinFile, credentials: { file } }: Ground): Daemon {
  const kubeconfig = file('kube-scheduler.kubeconfig')
  return startDaemon(layout, joinFile, toolPath('kube-scheduler'), [
    `--kubeconfig=${kubeconfig}`,
    '--leader-elect=false',
    '--secure-port=0',
  ])
}

/** Resolves when it takes images and pods. */
export async function startContainerd({ layout, joinFile, config }: Ground): Promise<void> {
  const containerd = startDaemon(layout, joinFile, 'containerd', ['--config', config.containerd, '--log-level=warn'])
  await untilReady(containerd, 'containerd', async () => {
    if (!existsSync(layout.containerdSocket)) return false
    const { stdout } = await runAny('ctr', ['--address', layout.containerdSocket, 'plugins', 'ls', 'id==cri'])
    return stdout.includes(' ok')
  })
}

/** Resolves when the node is there; it is ready later. */
export async function startKubelet({ layout, joinFile, credentials, config, ipv6 }: Ground): Promise<Daemon> {
  const { url, adminToken, file } = credentials
  const kubelet = startDaemon(layout, joinFile, toolPath('kubelet'), [
    `--config=${config.kubelet}`,
    `--kubeconfig=${file('kubelet.kubeconfig')}`,
    `--root-dir=${layout.kubelet}`,
    `--cert-dir=${join(layout.kubelet, 'pki')}`,
    `--hostname-override=${node.name}`,
    `--node-ip=${ipv6 ? `${node.ipv4},${node.ipv6}` : node.ipv4}`,
  ])
  await untilReady(kubelet, 'the node', () => answers(`${url}/api/v1/nodes/${node.name}`, adminToken))
  return kubelet
}

/** To be called when the node is there: it asks for the node's addresses, and waits long before it asks again. */
export async function startKubeProxy({ layout, joinFile, config }: Ground): Promise<void> {
  const proxy = startDaemon(layout, joinFile, toolPath('kube-proxy'), [`--config=${config.kubeProxy}`])
  await untilReady(proxy, 'the rules of Services', async () => {
    const { stdout } = await runAny('nft', ['list', 'map', 'ip', 'kube-proxy', 'service-ips'])
    return stdout.includes('default/kubernetes')
  })
}

export async function startCoreDns({ layout, joinFile, config }: Ground): Promise<void> {
  const coredns = startDaemon(layout, joinFile, toolPath('coredns'), ['-conf', config.corefile])
  await untilReady(coredns, 'CoreDNS', async () => {
    const answer = await fetch('http://127.0.0.1:8181/ready').catch(() => null)
    return answer?.status === 200
  })
}

async function answers(url: string, token: string): Promise<boolean> {
  return (await requestJson(url, { token }).catch(() => null))?.status === 200
}
