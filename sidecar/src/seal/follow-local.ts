import type { DatabaseBinding, SidecarSeal } from '@sallyport/crds'
import { localSeal, type DatabaseAnswer, type LoginAnswer } from './local-seal.ts'

export interface FollowLocalOptions {
  /** Those of the current snapshot. */
  readonly databases: () => readonly DatabaseBinding[]
  /** Calls `listener` when they may have changed. @returns how to stop it. */
  readonly subscribe: (listener: () => void) => () => void
  /** Tries the direct way to one Database, in bounded time. Never rejects. */
  readonly ask: (database: DatabaseBinding, signal: AbortSignal) => Promise<LoginAnswer>
  readonly onSeal: (seal: SidecarSeal) => void
  readonly pause: (durationMs: number, signal: AbortSignal) => Promise<void>
  /** 0 to 1, for jitter: the sidecars of a cluster must not ask a database all at once. */
  readonly random: () => number
  readonly signal: AbortSignal
  readonly intervalMs?: number
}

/** How many Databases are asked at once. */
const concurrency = 4

/** Tries the way around the sidecar now, when Databases change, and every 60 s ± 25 %, until `signal` aborts. */
export async function followLocal(options: FollowLocalOptions): Promise<void> {
  const { databases, signal, pause, random, intervalMs = 60_000 } = options
  let wake = new AbortController()
  let asked = ''
  const stop = options.subscribe(() => {
    if (identity(databases()) !== asked) wake.abort()
  })
  while (!signal.aborted) {
    wake = new AbortController()
    const wanted = databases()
    asked = identity(wanted)
    const answers = await askAll(wanted, options)
    if (isAborted(signal)) break
    options.onSeal(localSeal(answers))
    await pause(intervalMs * (0.75 + random() / 2), AbortSignal.any([signal, wake.signal]))
  }
  stop()
}

async function askAll(
  databases: readonly DatabaseBinding[],
  { ask, signal }: FollowLocalOptions,
): Promise<readonly DatabaseAnswer[]> {
  const waiting = [...databases]
  const answers: DatabaseAnswer[] = []
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next && !signal.aborted; next = waiting.shift())
      answers.push({ database: keyOf(next), answer: await ask(next, signal) })
  }
  await Promise.all(Array.from({ length: concurrency }, work))
  return answers.sort((a, b) => (a.database < b.database ? -1 : 1))
}

/** What the answer depends on. */
function identity(databases: readonly DatabaseBinding[]): string {
  return JSON.stringify(databases.map((each) => [keyOf(each), each.host, each.port, each.tls.mode, each.databases[0]]))
}

function keyOf({ namespace, name }: DatabaseBinding): string {
  return `${namespace}/${name}`
}

/** A signal changes while somebody waits; the compiler takes what it last saw for granted. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted
}
