import { readFileSync } from 'node:fs'

/** A process, and when it began (clock ticks since the machine did), so that another with its id is not taken for it. */
export interface ProcessIdentity {
  readonly pid: number
  readonly startTicks: number
}

/** @returns null where there is no such process, or one that has ended and only waits to be reaped. */
export function identify(pid: number): ProcessIdentity | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the command in parentheses, and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? null : { pid, startTicks: Number(fields[19]) }
  } catch {
    return null
  }
}

export function isAlive({ pid, startTicks }: ProcessIdentity): boolean {
  return identify(pid)?.startTicks === startTicks
}
