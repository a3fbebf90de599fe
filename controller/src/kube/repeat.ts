import { setTimeout as sleep } from 'node:timers/promises'

export interface Repeated {
  /** Ends the wait and resolves when what runs is done. */
  readonly close: () => Promise<void>
}

/**
 * Does something again and again, never twice at a time.
 * @param act  must not reject. @returns when to do it again, milliseconds.
 * @param firstMs  when to do it first.
 */
export function repeat(act: () => Promise<number>, firstMs = 0): Repeated {
  const ending = new AbortController()
  const running = run(act, firstMs, ending.signal)
  return {
    close: () => {
      ending.abort()
      return running
    },
  }
}

async function run(act: () => Promise<number>, firstMs: number, signal: AbortSignal): Promise<void> {
  let nextMs = firstMs
  for (;;) {
    const isOver = await sleep(nextMs, false, { signal }).catch(() => true)
    if (isOver) return
    nextMs = await act()
  }
}
