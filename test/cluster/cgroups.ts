import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Layout } from './layout.ts'

const root = '/sys/fs/cgroup'
const unified = existsSync(join(root, 'cgroup.controllers'))

/** Makes the cluster's groups, and @returns the file a process writes its id into to join. */
export function makeCgroups({ id }: Layout): string {
  if (unified) delegate(root)
  for (const hierarchy of hierarchies()) mkdirSync(join(hierarchy, id), { recursive: true })
  if (unified) delegate(join(root, id))
  // The kubelet puts its pods beside the cluster's own processes.
  const daemons = join(root, unified ? '' : 'pids', id, 'daemons')
  mkdirSync(daemons, { recursive: true })
  return join(daemons, 'cgroup.procs')
}

/** Every process of the cluster, those of its pods included. */
export function cgroupProcesses(layout: Layout): readonly number[] {
  const groups = cgroups(layout).filter((group) => existsSync(join(group, 'cgroup.procs')))
  const ids = groups.flatMap((group) => readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n'))
  return [...new Set(ids.filter((id) => id !== '').map(Number))]
}

/** Groups of the cluster that are there, the deepest first. */
export function cgroups({ id }: Layout): readonly string[] {
  return hierarchies()
    .map((hierarchy) => join(hierarchy, id))
    .filter((group) => existsSync(group))
    .flatMap(withChildren)
}

/** Removes the groups; they must be empty. */
export function removeCgroups(layout: Layout): void {
  for (const group of cgroups(layout)) rmdirSync(group)
}

function hierarchies(): readonly string[] {
  if (unified) return [root]
  const entries = readdirSync(root, { withFileTypes: true })
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(root, name))
}

function withChildren(group: string): readonly string[] {
  const children = readdirSync(group, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return [...children.flatMap(({ name }) => withChildren(join(group, name))), group]
}

/** Version 2 only: lets the children have every controller there is. */
function delegate(group: string): void {
  for (const controller of readFileSync(join(group, 'cgroup.controllers'), 'utf8').trim().split(' '))
    writeFileSync(join(group, 'cgroup.subtree_control'), `+${controller}`)
}
