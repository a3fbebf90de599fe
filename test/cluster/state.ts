import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { readDaemons } from './daemons.ts'
import { ClusterError } from './errors.ts'
import { foreignFolders } from './foreign-files.ts'
import { readJson, writeJson } from './json-file.ts'
import { layoutOf, type Layout } from './layout.ts'
import { claimedFolder, readSetting, wantedSettings } from './network.ts'
import { tables } from './packet-rules.ts'
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts'

/** What a start found, for what undoes it. */
export interface Before {
  readonly startedBy: ProcessIdentity
  /** Settings of the kernel as they were. */
  readonly settings: Readonly<Record<string, string>>
  /** Folders that were not there, and that the node's parts make wherever the cluster's own folder is. */
  readonly absent: readonly string[]
  /** Tables of packet rules, as `family name`. */
  readonly tables: readonly string[]
}

/** What a running cluster says about itself, beside its kubeconfig. */
export interface Running {
  readonly url: string
  readonly adminToken: string
  readonly caFile: string
  readonly ipv6: boolean
}

export type ClusterState =
  | { readonly kind: 'down' }
  | { readonly kind: 'starting'; readonly layout: Layout; readonly pid: number }
  | { readonly kind: 'up'; readonly layout: Layout; readonly running: Running }
  /** Not all of it is there: a start or an end was broken off, or a process has died. */
  | { readonly kind: 'broken'; readonly layout: Layout; readonly dead: readonly string[] }

/**
 * What there is of a cluster on this machine.
 * @param dir  the folder to look into where no device says another.
 */
export function clusterState(dir: string): ClusterState {
  const claimed = claimedFolder()
  const layout = layoutOf(claimed || dir)
  if (claimed === null && !isClusters(layout)) return { kind: 'down' }
  const dead = readDaemons(layout).filter((daemon) => !isAlive(daemon))
  const running = readJson(layout.running) as Running | null
  if (running && claimed !== null && dead.length === 0) return { kind: 'up', layout, running }
  const before = readBefore(layout)
  if (!running && before && isAlive(before.startedBy)) return { kind: 'starting', layout, pid: before.startedBy.pid }
  return { kind: 'broken', layout, dead: dead.map(({ name }) => name) }
}

/** Whether the folder is there and a cluster has made it, or has only just begun to. */
export function isClusters({ dir, before }: Layout): boolean {
  return existsSync(before) || (existsSync(dir) && readdirSync(dir).length === 0)
}

/** Makes the cluster's folders and notes, first of all, what was before it. @throws ClusterError where the folder is in use. */
export async function beginState(layout: Layout): Promise<void> {
  mkdirSync(layout.dir, { recursive: true, mode: 0o700 })
  if (readdirSync(layout.dir).length > 0)
    throw new ClusterError(`the folder ${layout.dir} is not a cluster's: SALLYPORT_CLUSTER_DIR names another`)
  const startedBy = identify(process.pid)
  if (!startedBy) throw new ClusterError('/proc does not know this process')
  const settings = Object.fromEntries(Object.keys(wantedSettings()).map((file) => [file, readSetting(file)]))
  const absent = foreignFolders.filter((path) => !existsSync(path))
  writeJson(layout.before, { startedBy, settings, absent, tables: await tables() } satisfies Before)
  for (const path of [layout.pids, layout.logs, layout.credentials, layout.config, dirname(layout.containerdSocket)])
    mkdirSync(path, { recursive: true })
}

export function readBefore(layout: Layout): Before | null {
  return readJson(layout.before) as Before | null
}

export function saveRunning(layout: Layout, running: Running): void {
  writeJson(layout.running, running)
}
