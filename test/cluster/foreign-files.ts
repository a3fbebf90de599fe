/** What the node's parts leave outside the cluster's folder; where they leave it cannot be configured. */
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Layout } from './layout.ts'

/** Made by containerd, the kubelet and the network plugins where they are missing. */
export const foreignFolders: readonly string[] = [
  '/run/containerd',
  '/var/lib/cni',
  '/var/lib/kubelet',
  '/var/log/containers',
]

/** Sockets of the processes that watch the pods' containers, as far as containerd's folder still names them. */
export function shimSockets(layout: Layout): readonly string[] {
  const tasks = join(layout.containerdState, 'io.containerd.runtime.v2.task/k8s.io')
  return list(tasks)
    .map((id) => join(tasks, id, 'address'))
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, 'utf8').trim().replace('unix://', ''))
    .filter((socket) => socket !== '' && existsSync(socket))
}

const devicePlugins = '/var/lib/kubelet/device-plugins/kubelet.sock'

/** Notes of the network plugins about the cluster's pods, links to their logs, and a socket on which nobody listens. */
export function foreignFiles(layout: Layout): readonly string[] {
  const results = '/var/lib/cni/results'
  const ofPods = list(results).filter((name) => name.startsWith(`${layout.id}-`))
  const loopbacks = ofPods.map((name) => `cni-loopback-${name.slice(layout.id.length + 1).replace(/-eth0$/, '')}-lo`)
  const logs = '/var/log/containers'
  const links = list(logs).map((name) => join(logs, name))
  const listened = readFileSync('/proc/net/unix', 'utf8').includes(devicePlugins)
  return [
    ...(existsSync(devicePlugins) && !listened ? [devicePlugins] : []),
    ...[...ofPods, ...loopbacks].map((name) => join(results, name)).filter((path) => existsSync(path)),
    ...links.filter((path) => lstatSync(path).isSymbolicLink() && readlinkSync(path).startsWith(`${layout.podLogs}/`)),
  ]
}

/** Removes a folder if there is nothing in it but folders. */
export function removeEmptyFolders(folder: string): void {
  if (!existsSync(folder)) return
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) removeEmptyFolders(join(folder, entry.name))
  if (readdirSync(folder).length === 0) rmdirSync(folder)
}

function list(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : []
}
