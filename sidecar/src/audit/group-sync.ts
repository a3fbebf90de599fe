import type { Logger } from 'pino'
import { AuditError } from '../model/audit-event.ts'

/** Promises that settle in order of `seq`. */
export class SeqWaiters {
  readonly #waiters: { readonly seq: number; readonly resolve: () => void; readonly reject: (cause: Error) => void }[] =
    []

  get size(): number {
    return this.#waiters.length
  }

  wait(seq: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ seq, resolve, reject })
    })
  }

  settle(upTo: number): void {
    const ready = this.#waiters.filter((waiter) => waiter.seq <= upTo)
    if (ready.length === 0) return
    const rest = this.#waiters.filter((waiter) => waiter.seq > upTo)
    this.#waiters.splice(0, this.#waiters.length, ...rest)
    for (const waiter of ready) waiter.resolve()
  }

  fail(cause: Error): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(cause)
  }
}

export interface GroupSyncOptions {
  /** Puts everything written before the call on disk. */
  readonly sync: () => Promise<void>
  readonly log: Logger
  readonly onSynced?: (durationMs: number) => void
  /** Records wait this long for others to share their fsync; with the fsync itself it must stay below 100 ms. */
  readonly delayMs?: number
  readonly retryMs?: number
}

/** One fsync for all records of a moment: at once where somebody waits for it, else after a short delay. */
export class GroupSync {
  readonly #options: GroupSyncOptions
  readonly #waiters = new SeqWaiters()
  #written = 0
  #synced = 0
  #failure: AuditError | null = null
  #running = false
  #timer: NodeJS.Timeout | null = null
  #closed = false

  constructor(options: GroupSyncOptions) {
    this.#options = options
  }

  get syncedSeq(): number {
    return this.#synced
  }

  /** Why the last fsync failed; null again as soon as one succeeds. */
  get failure(): AuditError | null {
    return this.#failure
  }

  /** Record `seq` was written. */
  noted(seq: number): void {
    this.#written = seq
    this.#arm(this.#options.delayMs ?? 50)
  }

  settled(seq: number): Promise<void> {
    if (seq <= this.#synced) return Promise.resolve()
    const promise = this.#waiters.wait(seq)
    this.#start()
    return promise
  }

  /** Resolves when everything written so far is on disk. */
  flush(): Promise<void> {
    return this.settled(this.#written)
  }

  close(): void {
    this.#closed = true
    if (this.#timer) clearTimeout(this.#timer)
    this.#waiters.fail(new AuditError('the audit log was closed'))
  }

  #arm(delayMs: number): void {
    if (this.#timer || this.#closed) return
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.#start()
    }, delayMs)
    this.#timer.unref()
  }

  #start(): void {
    if (this.#running || this.#closed) return
    this.#running = true
    void this.#run()
  }

  async #run(): Promise<void> {
    const target = this.#written
    const startedMs = performance.now()
    try {
      await this.#options.sync()
      this.#succeed(target, performance.now() - startedMs)
    } catch (cause) {
      this.#fail(cause)
    }
    this.#running = false
    if (this.#failure) this.#arm(this.#options.retryMs ?? 100)
    else if (this.#waiters.size > 0) this.#start()
    else if (this.#written > this.#synced) this.#arm(this.#options.delayMs ?? 50)
  }

  #succeed(target: number, durationMs: number): void {
    if (this.#failure) this.#options.log.info('the audit log can be synced again')
    this.#failure = null
    this.#synced = target
    this.#options.onSynced?.(durationMs)
    this.#waiters.settle(target)
  }

  #fail(cause: unknown): void {
    const failure = cause instanceof AuditError ? cause : new AuditError('the audit log could not be synced', { cause })
    if (!this.#failure)
      this.#options.log.error({ err: failure }, 'the audit log could not be synced; statements are refused')
    this.#failure = failure
    this.#waiters.fail(failure)
  }
}
