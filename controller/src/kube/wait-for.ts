import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { KubeError } from './errors.ts'

/** What one look found. */
export type Look<T> = { readonly kind: 'Found'; readonly value: T } | { readonly kind: 'NotYet'; readonly why: string }

export interface WaitOptions<T> {
  /** As in `the Secret sallyport-system/sallyport-keys`. */
  readonly what: string
  /** A KubeError it throws is a reason to look again. */
  readonly look: () => Promise<Look<T>>
  readonly log: Logger
  readonly signal: AbortSignal
  readonly pollMs?: number
}

/**
 * Looks once a second until it is there, and says in the log what is waited for and why: at first, whenever that changes,
 * and once a minute.
 * @throws the signal's reason once it is aborted, and what `look` throws beside KubeErrors.
 */
export async function waitFor<T>({ what, look, log, signal, pollMs = 1000 }: WaitOptions<T>): Promise<T> {
  let said = { why: '', atMs: 0 }
  for (;;) {
    const found = await tryTo(look)
    if (found.kind === 'Found') {
      if (said.why !== '') log.info({ what }, 'what was waited for is there')
      return found.value
    }
    const nowMs = performance.now()
    if (found.why !== said.why || nowMs - said.atMs >= 60_000) {
      log.warn({ what, why: found.why }, 'waiting')
      said = { why: found.why, atMs: nowMs }
    }
    await sleep(pollMs, undefined, { signal })
  }
}

async function tryTo<T>(look: () => Promise<Look<T>>): Promise<Look<T>> {
  try {
    return await look()
  } catch (error) {
    if (error instanceof KubeError) return { kind: 'NotYet', why: error.message }
    throw error
  }
}
