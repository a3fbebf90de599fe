/** Resolves after `durationMs`, or as soon as `signal` aborts. */
export async function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const done = (): void => resolve(undefined)
  const timer = setTimeout(done, durationMs)
  signal.addEventListener('abort', done, { once: true })
  await promise
  clearTimeout(timer)
  signal.removeEventListener('abort', done)
}

/** A signal changes while somebody waits; the compiler takes what it last saw for granted. */
export function isAborted(signal: AbortSignal): boolean {
  return signal.aborted
}
