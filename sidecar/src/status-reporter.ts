import type { Logger } from 'pino'
import type { SidecarSeal, SidecarStatus } from '@sallyport/crds'

type DatabaseStatus = SidecarStatus['databases'][number]

export interface StatusReporterOptions {
  /** Rejects when the controller did not take it. */
  readonly post: (status: SidecarStatus) => Promise<void>
  readonly pause: (durationMs: number, signal: AbortSignal) => Promise<void>
  readonly signal: AbortSignal
  readonly log: Logger
  readonly minRetryMs?: number
  readonly maxRetryMs?: number
}

/**
 * Tells the controller what changed, until it has heard it: one message at a time, with everything that is new. What the
 * controller knew of a pod it may have lost; {@link repeat} tells it all again.
 */
export class StatusReporter {
  readonly #options: StatusReporterOptions
  readonly #databases = new Map<string, DatabaseStatus>()
  #seal: SidecarSeal | null = null
  /** Keys of Databases that are to be told of. */
  readonly #untold = new Set<string>()
  #isSealUntold = false
  #isSending = false

  constructor(options: StatusReporterOptions) {
    this.#options = options
  }

  database(status: DatabaseStatus): void {
    const key = `${status.namespace}/${status.name}`
    if (JSON.stringify(this.#databases.get(key)) === JSON.stringify(status)) return
    this.#databases.set(key, status)
    this.#untold.add(key)
    this.#wake()
  }

  seal(seal: SidecarSeal): void {
    if (JSON.stringify(this.#seal) === JSON.stringify(seal)) return
    this.#seal = seal
    this.#isSealUntold = true
    this.#wake()
  }

  /** Of Databases that are gone nothing is told any more. */
  retain(isThere: (key: string) => boolean): void {
    for (const key of this.#databases.keys()) {
      if (isThere(key)) continue
      this.#databases.delete(key)
      this.#untold.delete(key)
    }
  }

  /** The stream was opened anew, maybe to another controller. */
  repeat(): void {
    for (const key of this.#databases.keys()) this.#untold.add(key)
    this.#isSealUntold = this.#seal !== null
    this.#wake()
  }

  #wake(): void {
    if (this.#isSending) return
    this.#isSending = true
    void this.#send()
  }

  async #send(): Promise<void> {
    const { post, pause, signal, log, minRetryMs = 1_000, maxRetryMs = 300_000 } = this.#options
    let failures = 0
    while (!signal.aborted && (this.#untold.size > 0 || this.#isSealUntold)) {
      const { keys, status } = this.#take()
      try {
        await post(status)
        failures = 0
      } catch (cause) {
        for (const key of keys) if (this.#databases.has(key)) this.#untold.add(key)
        if (status.seal) this.#isSealUntold = true
        if (failures === 0) log.warn({ err: cause }, 'the status could not be sent; it is sent again')
        failures += 1
        await pause(Math.min(maxRetryMs, minRetryMs * 2 ** Math.min(failures, 20)), signal)
      }
    }
    this.#isSending = false
  }

  #take(): { readonly keys: readonly string[]; readonly status: SidecarStatus } {
    const keys = [...this.#untold].slice(0, maxDatabases)
    const databases = keys.flatMap((key) => this.#databases.get(key) ?? [])
    const status = { ...(this.#isSealUntold && this.#seal ? { seal: this.#seal } : {}), databases }
    for (const key of keys) this.#untold.delete(key)
    this.#isSealUntold = false
    return { keys, status }
  }
}

/** In one message; the controller takes 500. */
const maxDatabases = 200
