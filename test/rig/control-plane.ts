import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import { kubeCommands, type KubeCommands } from './kube-commands.ts'
import { start, until } from './process.ts'
import { requestJson } from './request-json.ts'
import { toolPath } from './tool-paths.ts'

/** A Kubernetes API server with its etcd on free ports: RBAC on, ServiceAccount tokens real, nothing else running. */
export interface ControlPlane extends KubeCommands {
  readonly dir: string
  readonly url: string
  /** Admin of the cluster. */
  readonly kubeconfig: string
  readonly adminToken: string
  /** PEM file of the authority its certificate is trusted by. */
  readonly caFile: string
  readonly stop: () => Promise<void>
}

export interface ControlPlaneOptions {
  /**
   * As in a cluster, a pod must name a ServiceAccount that is there, and gets its token; false unless asked for, since no
   * controller manager makes ServiceAccounts of new namespaces here.
   */
  readonly serviceAccounts?: boolean
}

/** Starts both; they are gone with this process, whatever ends it. */
export async function startControlPlane({ serviceAccounts = false }: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-kube-'))
  const [client, peer, port] = [await freePort(), await freePort(), await freePort()]
  const etcdUrl = `http://127.0.0.1:${client}`
  const peerUrl = `http://127.0.0.1:${peer}`
  const etcd = start(toolPath('etcd'), [
    `--data-dir=${dir}/etcd`,
    `--listen-client-urls=${etcdUrl}`,
    `--advertise-client-urls=${etcdUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
    '--unsafe-no-fsync',
    '--log-level=error',
  ])
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  writeFileSync(join(dir, 'sa.key'), privateKey.export({ type: 'pkcs1', format: 'pem' }))
  const adminToken = 'admin-token'
  writeFileSync(join(dir, 'tokens.csv'), `${adminToken},admin,admin,system:masters\n`)
  const server = start(toolPath('kube-apiserver'), [
    `--etcd-servers=${etcdUrl}`,
    `--secure-port=${port}`,
    '--bind-address=127.0.0.1',
    `--cert-dir=${dir}/certs`,
    `--service-account-key-file=${dir}/sa.key`,
    `--service-account-signing-key-file=${dir}/sa.key`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--token-auth-file=${dir}/tokens.csv`,
    '--authorization-mode=RBAC',
    '--service-cluster-ip-range=10.96.0.0/16',
    // As clusters do; what may not be privileged is for admission to say.
    '--allow-privileged=true',
    ...(serviceAccounts ? [] : ['--disable-admission-plugins=ServiceAccount']),
  ])
  const url = `https://127.0.0.1:${port}`
  const ready = async (): Promise<boolean> =>
    (await requestJson(`${url}/readyz`, { token: adminToken }).catch(() => null))?.status === 200
  await until(ready, 'the API server', { process: server, timeoutMs: 90_000 })
  const caFile = join(dir, 'certs/apiserver.crt')
  const kubeconfig = join(dir, 'kubeconfig')
  writeFileSync(kubeconfig, kubeconfigFor(url, caFile, adminToken), { mode: 0o600 })
  return {
    dir,
    url,
    kubeconfig,
    adminToken,
    caFile,
    ...kubeCommands(kubeconfig, dir),
    stop: async () => {
      await server.stop('SIGKILL')
      await etcd.stop('SIGKILL')
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** A kubeconfig with one user. */
export function kubeconfigFor(server: string, caFile: string, token: string): string {
  const ca = readFileSync(caFile).toString('base64')
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'local', cluster: { server, 'certificate-authority-data': ca } }],
    users: [{ name: 'user', user: { token } }],
    contexts: [{ name: 'local', context: { cluster: 'local', user: 'user' } }],
    'current-context': 'local',
  })
}
