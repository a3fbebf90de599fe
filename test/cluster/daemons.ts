import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ClusterError } from './errors.ts'
import { readJson, writeJson } from './json-file.ts'
import type { Layout } from './layout.ts'
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts'

/** A process of the cluster; it outlives who started it. */
export interface Daemon extends ProcessIdentity {
  readonly name: string
  readonly log: string
}

/** Nothing of the environment goes to a daemon: a proxy meant for this shell must not stand between the cluster's parts. */
const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' }

/**
 * Starts a process in a session of its own and in the cluster's cgroup, with a log and a file of its identity.
 * @param joinFile  see makeCgroups
 */
export function startDaemon(layout: Layout, joinFile: string, command: string, args: readonly string[]): Daemon {
  const name = command.slice(command.lastIndexOf('/') + 1)
  const log = join(layout.logs, `${name}.log`)
  const output = openSync(log, 'a')
  // It joins before it becomes what it is, so there is no moment in which it could be lost.
  const script = 'echo $$ >"$0" && exec "$@"'
  const child = spawn('/bin/sh', ['-c', script, joinFile, command, ...args], {
    cwd: layout.dir,
    detached: true,
    env: { ...env, HOME: layout.dir },
    stdio: ['ignore', output, output],
  })
  closeSync(output)
  child.unref()
  const identity = child.pid === undefined ? null : identify(child.pid)
  if (!identity) throw new ClusterError(`${name} could not be started`)
  const daemon: Daemon = { ...identity, name, log }
  writeJson(join(layout.pids, `${name}.json`), daemon)
  return daemon
}

/** Those of the cluster in this folder, whether alive or not. */
export function readDaemons(layout: Layout): readonly Daemon[] {
  if (!existsSync(layout.pids)) return []
  const files = readdirSync(layout.pids).filter((file) => file.endsWith('.json'))
  return files.map((file) => readJson(join(layout.pids, file)) as Daemon | null).filter((daemon) => daemon !== null)
}

/** Resolves when `check` holds. @throws ClusterError, with the end of the log, when it does not in time or the process ended. */
export async function untilReady(
  daemon: Daemon,
  what: string,
  check: () => Promise<boolean> | boolean,
  timeoutMs = 60_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    if (await check()) return
    if (!isAlive(daemon)) throw new ClusterError(`${what}: ${daemon.name} ended:\n${logTail(daemon)}`)
    if (performance.now() > deadline)
      throw new ClusterError(`${what}: not within ${timeoutMs} ms; ${daemon.name} says:\n${logTail(daemon)}`)
    await delay(50)
  }
}

function logTail({ log }: Daemon): string {
  return readFileSync(log, 'utf8').slice(-3000)
}
