import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import type { ControlPlane } from './control-plane.ts'
import { freePort, freePorts } from './free-port.ts'
import { RigError, start, until, type Started } from './process.ts'
import { toolPath } from './tool-paths.ts'

const root = join(import.meta.dirname, '../..')
const namespace = 'sallyport-system'

/** The release as `helm install` leaves it, with its Deployments' commands run as processes of this machine. */
export interface Installation {
  readonly namespace: string
  readonly controller: () => Started
  readonly metricsPort: number
  /** Starts the controller's command again, with the same data, and waits until it is ready. */
  readonly startController: () => Promise<void>
  readonly stopController: (signal?: NodeJS.Signals) => Promise<void>
  readonly webhook: () => Started
  readonly webhookMetricsPort: number
  /** Starts the webhook's command again and waits until it is ready. */
  readonly startWebhook: () => Promise<void>
  readonly stopWebhook: (signal?: NodeJS.Signals) => Promise<void>
  /** Stops both. */
  readonly stop: () => Promise<void>
  /** Plays the kubelet for a pod: starts the container the webhook put in. */
  readonly startSidecar: (podNamespace: string, pod: string, options?: SidecarOptions) => Promise<RunningSidecar>
}

export interface SidecarOptions {
  /** Folder that stands for the pod's volumes; kept over restarts of the container. */
  readonly dir?: string
  /** In addition to the container's own; the last of a flag counts. */
  readonly flags?: readonly string[]
}

export interface RunningSidecar {
  readonly process: Started
  readonly healthPort: number
  /** Stands for the pod's volumes. */
  readonly dir: string
  /** The command as it was run. */
  readonly command: readonly string[]
}

interface ContainerSpec {
  readonly name: string
  readonly command: readonly string[]
  readonly args: readonly string[]
  readonly env: readonly EnvVar[]
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[]
}

interface EnvVar {
  readonly name: string
  readonly value?: string
  readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } }
}

interface PodObject {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly uid: string }
  readonly spec: { readonly serviceAccountName?: string; readonly initContainers?: readonly ContainerSpec[] }
}

/** Installs the chart with helm and runs both roles with their own ServiceAccounts' tokens: no more rights than users give them. */
export async function install(plane: ControlPlane): Promise<Installation> {
  const [admission = 0, stream = 0, metrics = 0, webhookMetrics = 0] = await freePorts(4)
  await installChart(plane, { admission, stream })
  const controller = await openRole(plane, 'sallyport-controller', metrics, [
    `--stream-address=127.0.0.1:${stream}`,
    `--data-dir=${join(plane.dir, 'controller')}`,
    `--opa=${toolPath('opa')}`,
    // Sidecars are processes of this machine: no kubelet gives their pods addresses.
    '--check-pod-address=false',
  ])
  const webhook = await openRole(plane, 'sallyport-webhook', webhookMetrics, [
    `--admission-address=127.0.0.1:${admission}`,
  ])
  await Promise.all([controller.start(), webhook.start()])
  return {
    namespace,
    metricsPort: metrics,
    controller: controller.running,
    startController: controller.start,
    stopController: controller.stop,
    webhook: webhook.running,
    webhookMetricsPort: webhookMetrics,
    startWebhook: webhook.start,
    stopWebhook: webhook.stop,
    stop: async () => {
      await Promise.all([controller.stop(), webhook.stop()])
    },
    startSidecar: (podNamespace, pod, options) => startSidecar(plane, podNamespace, pod, options),
  }
}

/** The release without its processes: they are told to be on these ports of this machine. */
export async function installChart(
  plane: ControlPlane,
  { admission, stream }: { readonly admission: number; readonly stream: number },
): Promise<void> {
  await plane.helm([
    'install',
    'sallyport',
    join(root, 'charts/sallyport'),
    `--namespace=${namespace}`,
    '--create-namespace',
    `--set=webhook.url=https://127.0.0.1:${admission}`,
    `--set=controller.url=https://127.0.0.1:${stream}`,
    '--set=controller.extraDnsNames={127.0.0.1}',
    // Its data folder outlives the process, as a volume would.
    '--set=persistence.enabled=true',
  ])
}

export interface RoleProcess {
  readonly running: () => Started
  /** Starts it and does not wait. @param flags  beside those of the Deployment. */
  readonly launch: (...flags: readonly string[]) => Started
  /** Starts it and waits until it is ready. */
  readonly start: (...flags: readonly string[]) => Promise<void>
  readonly isReady: () => Promise<boolean>
  readonly stop: (signal?: NodeJS.Signals) => Promise<void>
}

/**
 * One of the release's Deployments as a process, with the token of its ServiceAccount.
 * @param name  of Deployment and ServiceAccount.
 * @param metrics  port of probes and metrics.
 */
export async function openRole(
  plane: ControlPlane,
  name: string,
  metrics: number,
  own: readonly string[],
): Promise<RoleProcess> {
  const token = await plane.mustKubectl(['create', 'token', name, '-n', namespace, '--duration=24h'])
  const tokenFile = join(plane.dir, `${name}.token`)
  writeFileSync(tokenFile, token.trim(), { mode: 0o600 })
  const deployment = await plane.mustKubectl(['get', 'deployment', name, '-n', namespace, '-o', 'json'])
  const [container] = (JSON.parse(deployment) as { spec: { template: { spec: { containers: ContainerSpec[] } } } }).spec.template.spec.containers // prettier-ignore
  if (!container) throw new RigError(`the Deployment ${name} has no container`)
  const outside = [
    ...own,
    `--server=${plane.url}`,
    `--ca-file=${plane.caFile}`,
    `--token-file=${tokenFile}`,
    `--metrics-address=127.0.0.1:${metrics}`,
    '--drain-seconds=0',
  ]
  let child: Started | null = null
  const launch = (...flags: readonly string[]): Started => {
    const env = { ...process.env, POD_NAME: `${name}-0` }
    child = start(executable(container.command[0] ?? ''), [...container.args, ...outside, ...flags], { env })
    return child
  }
  return {
    running: () => {
      if (!child) throw new RigError(`${name} does not run`)
      return child
    },
    launch,
    start: async (...flags) => {
      const launched = launch(...flags)
      await until(() => isReady(metrics), name, { process: launched })
    },
    isReady: () => isReady(metrics),
    stop: async (signal) => child?.stop(signal),
  }
}

async function startSidecar(
  plane: ControlPlane,
  podNamespace: string,
  name: string,
  { dir = join(plane.dir, 'pods', podNamespace, name), flags = [] }: SidecarOptions = {},
): Promise<RunningSidecar> {
  const pod = JSON.parse(await plane.mustKubectl(['get', 'pod', name, '-n', podNamespace, '-o', 'json'])) as PodObject
  const [container] = pod.spec.initContainers ?? []
  if (container?.name !== 'sallyport') throw new RigError(`the webhook put no sidecar into ${podNamespace}/${name}`)
  const token = await plane.mustKubectl([
    'create',
    'token',
    pod.spec.serviceAccountName ?? 'default',
    `--namespace=${podNamespace}`,
    '--audience=sallyport.dev',
    '--bound-object-kind=Pod',
    `--bound-object-name=${name}`,
    `--bound-object-uid=${pod.metadata.uid}`,
  ])
  for (const { name: volume } of container.volumeMounts) mkdirSync(join(dir, volume), { recursive: true })
  writeFileSync(join(dir, 'sallyport-token/token'), token.trim(), { mode: 0o600 })
  const healthPort = await freePort()
  const args = [...container.args.map((argument) => inFolder(argument, container, dir, healthPort)), ...flags]
  const env = { ...process.env, ...environment(container.env, pod) }
  const child = start(executable(container.command[0] ?? ''), args, { env })
  await until(() => isReady(healthPort), 'the sidecar', { process: child })
  return { process: child, healthPort, dir, command: [...container.command, ...args] }
}

/** Volumes are folders, and the pod's own network is this machine's: the port of the probes is a free one. */
function inFolder(argument: string, container: ContainerSpec, dir: string, healthPort: number): string {
  if (argument.startsWith('--health-port=')) return `--health-port=${healthPort}`
  const mount = container.volumeMounts.find(({ mountPath }) => argument.includes(`=${mountPath}`))
  return mount ? argument.replace(mount.mountPath, join(dir, mount.name)) : argument
}

function environment(variables: readonly EnvVar[], { metadata }: PodObject): Readonly<Record<string, string>> {
  const fields: Readonly<Record<string, string>> = {
    'metadata.name': metadata.name,
    'metadata.namespace': metadata.namespace,
    'metadata.uid': metadata.uid,
  }
  return Object.fromEntries(
    variables.map(({ name, value, valueFrom }) => [name, value ?? fields[valueFrom?.fieldRef.fieldPath ?? ''] ?? '']),
  )
}

/** What images have on their PATH. */
export function executable(name: string): string {
  const path = join(root, 'cli/bin', name)
  if (!/^[a-z-]+$/.test(name) || !existsSync(path)) throw new RigError(`there is no executable ${name}`)
  return path
}

function isReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const sent = request({ host: '127.0.0.1', port, path: '/readyz', timeout: 1000 }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    sent.on('error', () => resolve(false))
    sent.end()
  })
}

/** Bundles the commands the installation runs. */
export function buildCommands(): void {
  if (existsSync(join(root, 'cli/dist/sallyport.js'))) return
  const { status } = spawnSync(process.execPath, [join(root, 'cli/scripts/build.ts')], { stdio: 'inherit' })
  if (status !== 0) throw new RigError('the build failed')
}
