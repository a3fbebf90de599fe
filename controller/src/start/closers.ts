import type { Logger } from 'pino'

/** What was opened, to be closed in the opposite order. */
export class Closers {
  readonly #steps: { readonly what: string; readonly close: () => unknown }[] = []

  /** @param what  for the log, should it fail. */
  add(what: string, close: () => unknown): void {
    this.#steps.push({ what, close })
  }

  /** Closes everything, whatever fails on the way. @throws the first failure. */
  async closeAll(log: Logger): Promise<void> {
    const failures: unknown[] = []
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      try {
        await step.close()
      } catch (err) {
        log.error({ err, what: step.what }, 'could not be closed in order')
        failures.push(err)
      }
    }
    if (failures.length > 0) throw failures[0]
  }
}
