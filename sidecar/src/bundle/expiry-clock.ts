import type { Clock } from '../model/clock.ts'

export interface ExpiryClockOptions {
  /** Unix milliseconds before the first contact. */
  readonly wallMs?: number
  /** A clock nobody can set; its zero does not matter. */
  readonly monotonic?: () => number
  /** How long a contact counts. */
  readonly windowMs?: number
}

/**
 * The time grants end by: the controller's clock at a contact plus monotonic time since then. Setting this machine's
 * clock changes nothing.
 *
 * A message that was held up on its way says less than the time that is, so of the contacts of the last minute the one
 * that says most counts: delaying messages cannot extend access, and a controller whose clock was corrected is followed
 * after that minute. Time never goes backwards; it stands still instead.
 */
export class ExpiryClock implements Clock {
  readonly #monotonic: () => number
  readonly #windowMs: number
  /** Newest last; `offsetMs` added to monotonic time is Unix time. */
  #contacts: readonly { readonly atMs: number; readonly offsetMs: number }[] = []
  #offsetMs: number
  #latestMs = -Infinity

  constructor(options: ExpiryClockOptions = {}) {
    this.#monotonic = options.monotonic ?? (() => performance.now())
    this.#windowMs = options.windowMs ?? 60_000
    this.#offsetMs = (options.wallMs ?? Date.now()) - this.#monotonic()
  }

  now(): number {
    this.#latestMs = Math.max(this.#latestMs, this.#monotonic() + this.#offsetMs)
    return Math.floor(this.#latestMs)
  }

  monotonic(): number {
    return this.#monotonic()
  }

  /** The controller's clock said `serverUnixMs` just now. */
  adjust(serverUnixMs: number): void {
    const atMs = this.#monotonic()
    const isFirst = this.#contacts.length === 0
    const recent = this.#contacts.filter((contact) => atMs - contact.atMs < this.#windowMs)
    this.#contacts = [...recent, { atMs, offsetMs: serverUnixMs - atMs }]
    this.#offsetMs = Math.max(...this.#contacts.map((contact) => contact.offsetMs))
    // Nothing was granted before the first contact, so there is nothing a step back could extend.
    if (isFirst) this.#latestMs = -Infinity
  }
}
