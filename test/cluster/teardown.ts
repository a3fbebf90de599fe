import { readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { runAny } from '../rig/process.ts'
import { cgroupProcesses, cgroups, removeCgroups } from './cgroups.ts'
import { readDaemons } from './daemons.ts'
import { foreignFiles, removeEmptyFolders, shimSockets } from './foreign-files.ts'
import { bridges, type Layout } from './layout.ts'
import { clusterDevices, isClaimedBy, removeDevices, writeSettings } from './network.ts'
import { clusterRules, removeClusterRules } from './packet-rules.ts'
import { isAlive } from './process-identity.ts'
import { isClusters, readBefore } from './state.ts'

/**
 * Takes down whatever there is of a cluster, from any state, as often as asked. Pods are not asked to end: they go with
 * everything else. The node's device goes last: while it is there, nobody starts a cluster.
 * @returns what is left, a line each: nothing, unless something went wrong.
 */
export async function tearDown(layout: Layout): Promise<readonly string[]> {
  const before = readBefore(layout)
  await killProcesses(layout)
  if (before) await unmount(layout)
  const isMachineOurs = isClaimedBy(layout)
  if (isMachineOurs) {
    await removeDevices(clusterDevices().filter((name) => name !== bridges.node))
    await removeClusterRules(before?.tables ?? null)
  }
  if (clusterProcesses(layout).length === 0) removeCgroups(layout)
  if (before) writeSettings(before.settings)
  for (const file of [...shimSockets(layout), ...foreignFiles(layout)]) rmSync(file, { force: true })
  for (const folder of before?.absent ?? []) removeEmptyFolders(folder)
  removeFolder(layout)
  if (isMachineOurs) await removeDevices([bridges.node])
  return leftovers(layout)
}

/** What there is of a cluster on this machine, a line each. */
export async function leftovers(layout: Layout): Promise<readonly string[]> {
  const isMachineOurs = isClaimedBy(layout)
  return [
    ...clusterProcesses(layout).map((pid) => `process ${pid} (${commandOf(pid)})`),
    ...(isClusters(layout) ? mountsBelow(layout.dir).map((path) => `mount ${path}`) : []),
    ...(isMachineOurs ? clusterDevices() : []).map((name) => `device ${name}`),
    ...(isMachineOurs ? await clusterRules() : []).map((name) => `nftables ${name}`),
    ...cgroups(layout).map((path) => `cgroup ${path}`),
    ...foreignFiles(layout).map((path) => `file ${path}`),
    ...(isClusters(layout) ? [`folder ${layout.dir}`] : []),
  ]
}

/** By the groups they are in, and by what was written down when they were started. */
function clusterProcesses(layout: Layout): readonly number[] {
  const recorded = readDaemons(layout).filter(isAlive)
  const ids = new Set([...cgroupProcesses(layout), ...recorded.map(({ pid }) => pid)])
  return [...ids].filter((pid) => pid !== process.pid)
}

/** Until there are none: what is killed may have started another a moment before. */
async function killProcesses(layout: Layout): Promise<void> {
  const deadline = performance.now() + 15_000
  for (let ids = clusterProcesses(layout); ids.length > 0; ids = clusterProcesses(layout)) {
    for (const pid of ids) kill(pid)
    if (performance.now() > deadline) return
    await delay(20)
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone already.
  }
}

/** The deepest first; one may take others with it. */
async function unmount(layout: Layout): Promise<void> {
  let left = Infinity
  for (
    let mounts = mountsBelow(layout.dir);
    mounts.length > 0 && mounts.length < left;
    mounts = mountsBelow(layout.dir)
  ) {
    left = mounts.length
    await runAny('umount', ['--lazy', ...mounts])
  }
}

/** Mount points in the folder, the last mounted first. */
function mountsBelow(dir: string): readonly string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  const points = lines.map((line) => line.split(' ')[4] ?? '').filter((point) => point.startsWith(`${dir}/`))
  return points.reverse()
}

/** Only a folder that a cluster has made its own, and never through a mount; what says so goes last. */
function removeFolder(layout: Layout): void {
  if (!isClusters(layout) || mountsBelow(layout.dir).length > 0) return
  const names = readdirSync(layout.dir).map((name) => join(layout.dir, name))
  for (const path of names) if (path !== layout.before) rmSync(path, { recursive: true, force: true })
  rmSync(layout.before, { force: true })
  rmdirSync(layout.dir)
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').slice(0, 100).trim()
  } catch {
    return 'ended meanwhile'
  }
}
