import type { Logger } from 'pino'

export interface WorkQueueOptions {
  readonly name: string
  /**
   * Brings one key to its desired state. A rejection repeats it with back-off.
   * @returns when to look again, in milliseconds; nothing: when something changes.
   */
  readonly handle: (key: string) => Promise<number | null>
  readonly concurrency?: number
  readonly minBackoffMs?: number
  readonly maxBackoffMs?: number
  readonly random?: () => number
  readonly log: Logger
  readonly onResult?: (result: 'ok' | 'error', durationMs: number) => void
}

/**
 * Keys waiting for work, as client-go's queue has them: a key waits once however often it is added, is never worked on
 * twice at a time, and comes back after 5 ms, 10 ms … 5 min (each ± 20 %) while its handler fails.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions
  readonly #waiting = new Set<string>()
  readonly #active = new Set<string>()
  readonly #failures = new Map<string, number>()
  readonly #timers = new Map<string, { readonly timer: NodeJS.Timeout; readonly atMs: number }>()
  readonly #idle = new Set<() => void>()
  #started = false
  #stopped = false

  constructor(options: WorkQueueOptions) {
    this.#options = options
  }

  /** Keys that wait, delayed ones not counted. */
  get length(): number {
    return this.#waiting.size
  }

  /** Begins to work; what was added before waits until now. */
  start(): void {
    this.#started = true
    this.#pump()
  }

  add(key: string): void {
    if (this.#stopped) return
    this.#waiting.add(key)
    this.#pump()
  }

  /** Adds later; of several the earliest counts. */
  addAfter(key: string, delayMs: number): void {
    if (this.#stopped) return
    const clamped = Math.min(Math.max(delayMs, 0), maxTimerMs)
    const atMs = performance.now() + clamped
    const present = this.#timers.get(key)
    if (present && present.atMs <= atMs) return
    clearTimeout(present?.timer)
    const timer = setTimeout(() => {
      this.#timers.delete(key)
      this.add(key)
    }, clamped)
    this.#timers.set(key, { timer, atMs })
  }

  /** Takes no more work and resolves when what is in flight is done. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#waiting.clear()
    for (const { timer } of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
    await this.#whenNothingActive()
  }

  /** Resolves when nothing waits and nothing is in flight; delayed keys do not count. */
  async settled(): Promise<void> {
    while (this.#waiting.size > 0 || this.#active.size > 0) await this.#whenNothingActive()
  }

  #whenNothingActive(): Promise<void> {
    if (this.#active.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.add(resolve))
  }

  #pump(): void {
    if (!this.#started || this.#stopped) return
    for (const key of this.#waiting) {
      if (this.#active.size >= (this.#options.concurrency ?? 4)) return
      if (this.#active.has(key)) continue
      this.#waiting.delete(key)
      this.#active.add(key)
      void this.#work(key)
    }
  }

  async #work(key: string): Promise<void> {
    const startedMs = performance.now()
    try {
      const againMs = await this.#options.handle(key)
      this.#failures.delete(key)
      this.#options.onResult?.('ok', performance.now() - startedMs)
      if (againMs !== null) this.addAfter(key, againMs)
    } catch (err) {
      this.#options.onResult?.('error', performance.now() - startedMs)
      const delayMs = this.#backoff(key)
      this.#options.log.warn({ err, queue: this.#options.name, key, delayMs }, 'reconcile failed, will retry')
      this.addAfter(key, delayMs)
    } finally {
      this.#active.delete(key)
      if (this.#active.size === 0) {
        for (const resolve of this.#idle) resolve()
        this.#idle.clear()
      }
      this.#pump()
    }
  }

  #backoff(key: string): number {
    const failures = this.#failures.get(key) ?? 0
    this.#failures.set(key, failures + 1)
    const { minBackoffMs = 5, maxBackoffMs = 300_000, random = Math.random } = this.#options
    const delayMs = Math.min(maxBackoffMs, minBackoffMs * 2 ** Math.min(failures, 30))
    return delayMs * (0.8 + 0.4 * random())
  }
}

/** setTimeout fires at once above 2^31-1 ms. */
const maxTimerMs = 24 * 3_600_000
