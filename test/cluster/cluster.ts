import { kubeCommands } from '../rig/kube-commands.ts'
import type { ControlPlane } from '../rig/control-plane.ts'
import { requestJson } from '../rig/request-json.ts'
import { toolPath } from '../rig/tool-paths.ts'
import { makeBootstrapObjects } from './bootstrap-objects.ts'
import { makeCgroups } from './cgroups.ts'
import { writeConfig } from './component-config.ts'
import * as components from './components.ts'
import { clusterFolder } from './config.ts'
import { makeCredentials, type Credentials } from './credentials.ts'
import { untilReady, type Daemon } from './daemons.ts'
import { ClusterError } from './errors.ts'
import { importImage, importPause } from './images.ts'
import { layoutOf, node, type Layout } from './layout.ts'
import { claim, hasIpv6, makeNetwork, wantedSettings, writeSettings } from './network.ts'
import { fencePods } from './packet-rules.ts'
import { cniPlugins, ensurePrerequisites } from './prerequisites.ts'
import { beginState, clusterState, saveRunning, type Running } from './state.ts'
import { tearDown } from './teardown.ts'

/**
 * A Kubernetes node on this machine that runs pods: a control plane with everything a user's cluster has, of which tests
 * may expect the same. Its processes outlive the one that started it.
 */
export interface Cluster extends ControlPlane {
  /** Whether pods and Services have IPv6 addresses beside their others. */
  readonly ipv6: boolean
  /** Gives the images of an OCI archive to the node; pods use them with `imagePullPolicy: Never`. @throws RigError */
  readonly importImage: (archive: string) => Promise<void>
  /** Takes the cluster down. @throws ClusterError that names what is left. */
  readonly stop: () => Promise<void>
}

/**
 * Brings the cluster up: resolves when its node is ready, Services are reachable and names resolve.
 * What a broken start or end left is cleared first; a start that fails leaves nothing.
 * @param say  is told what takes long.
 * @throws ClusterError where it cannot be, or where one is up.
 */
export async function startCluster(say: (text: string) => void = () => undefined): Promise<Cluster> {
  await ensurePrerequisites(say)
  checkTools()
  await clearTheWay(say)
  const layout = layoutOf(clusterFolder())
  await claim(layout.dir)
  try {
    await beginState(layout)
    return await bringUp(layout, say)
  } catch (cause) {
    await tearDown(layout)
    throw cause
  }
}

/** The cluster that is up. @throws ClusterError where none is. */
export function attachCluster(): Cluster {
  const state = clusterState(clusterFolder())
  if (state.kind !== 'up') throw new ClusterError(`no cluster is up (it is ${state.kind}): make cluster-up`)
  return clusterOf(state.layout, state.running)
}

async function clearTheWay(say: (text: string) => void): Promise<void> {
  const state = clusterState(clusterFolder())
  switch (state.kind) {
    case 'down':
      return
    case 'up':
      throw new ClusterError(
        `a cluster is up (KUBECONFIG=${state.layout.kubeconfig}): use it, or end it with make cluster-down`,
      )
    case 'starting':
      throw new ClusterError(`process ${state.pid} is starting a cluster in ${state.layout.dir}`)
    case 'broken': {
      say(`clearing what is left of a cluster in ${state.layout.dir}`)
      const left = await tearDown(state.layout)
      if (left.length > 0) throw new ClusterError(`cannot be cleared: ${left.join(', ')}`)
    }
  }
}

async function bringUp(layout: Layout, say: (text: string) => void): Promise<Cluster> {
  const startedMs = performance.now()
  const since = (what: string): void => say(`${((performance.now() - startedMs) / 1000).toFixed(1)} s: ${what}`)
  const ipv6 = hasIpv6()
  writeSettings(wantedSettings())
  await fencePods()
  await makeNetwork()
  const credentials = await makeCredentials(layout)
  const config = writeConfig(layout, credentials, cniPlugins(), ipv6)
  const ground: components.Ground = { layout, joinFile: makeCgroups(layout), credentials, config, ipv6 }
  await both(
    async () => {
      await components.startApiServer(ground)
      since('the API server answers')
    },
    async () => {
      await components.startContainerd(ground)
      await importPause(layout)
      since('containerd has its first image')
    },
  )
  components.startControllerManager(ground)
  components.startScheduler(ground)
  await both(
    async () => {
      await makeBootstrapObjects(credentials, ipv6)
      await components.startCoreDns(ground)
      since('CoreDNS answers')
    },
    async () => {
      const kubelet = await components.startKubelet(ground)
      await both(
        () => components.startKubeProxy(ground),
        () => untilUsable(credentials, kubelet),
      )
      since('the node is ready')
    },
  )
  const { url, adminToken, caFile } = credentials
  const running: Running = { url, adminToken, caFile, ipv6 }
  saveRunning(layout, running)
  return clusterOf(layout, running)
}

/** Until pods can be made in the default namespace and are put on the node. */
async function untilUsable({ url, adminToken: token }: Credentials, kubelet: Daemon): Promise<void> {
  const get = async <T>(path: string): Promise<T | null> => {
    const { status, body } = await requestJson<T>(`${url}/api/v1/${path}`, { token })
    return status === 200 ? body : null
  }
  await untilReady(kubelet, 'a ready node', async () => {
    const found = await get<NodeObject>(`nodes/${node.name}`)
    const ready = found?.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')
    if (ready !== true || (found?.spec.taints ?? []).length > 0) return false
    const account = await get('namespaces/default/serviceaccounts/default')
    const authority = await get('namespaces/default/configmaps/kube-root-ca.crt')
    return account !== null && authority !== null
  })
}

interface NodeObject {
  readonly spec: { readonly taints?: readonly unknown[] }
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] }
}

function clusterOf(layout: Layout, { url, adminToken, caFile, ipv6 }: Running): Cluster {
  const { dir, kubeconfig } = layout
  return {
    dir,
    url,
    kubeconfig,
    adminToken,
    caFile,
    ipv6,
    ...kubeCommands(kubeconfig, dir),
    importImage: (archive) => importImage(layout, archive),
    stop: async () => {
      const left = await tearDown(layout)
      if (left.length > 0) throw new ClusterError(`left of the cluster: ${left.join(', ')}`)
    },
  }
}

/** Runs both to their ends, so that nothing is being started any more when a failure is cleared away. */
async function both(one: () => Promise<void>, other: () => Promise<void>): Promise<void> {
  for (const result of await Promise.allSettled([one(), other()])) if (result.status === 'rejected') throw result.reason
}

function checkTools(): void {
  const tools = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy', 'coredns', 'pause', 'kubectl'] as const // prettier-ignore
  try {
    for (const tool of tools) toolPath(tool)
  } catch (cause) {
    throw new ClusterError(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}
