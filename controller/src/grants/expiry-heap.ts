/** Milliseconds after which a timer is armed anew: setTimeout fires at once above 2^31-1 ms. */
const maxTimerMs = 24 * 3_600_000

export interface ExpiryHeapOptions {
  /** Unix milliseconds. */
  readonly nowMs: () => number
  /** Called once for each key when its time has come. */
  readonly onDue: (key: string) => void
}

interface Entry {
  readonly key: string
  readonly atMs: number
}

/** Instants at which something ends: one binary heap, one timer. */
export class ExpiryHeap {
  readonly #options: ExpiryHeapOptions
  #entries: Entry[] = []
  /** What counts for a key; entries of the heap that differ are out of date and skipped. */
  readonly #current = new Map<string, number>()
  #timer: NodeJS.Timeout | null = null

  constructor(options: ExpiryHeapOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#current.size
  }

  /** Sets or moves the instant of a key. @param atMs Unix milliseconds. */
  set(key: string, atMs: number): void {
    if (this.#current.get(key) === atMs) return
    this.#current.set(key, atMs)
    this.#push({ key, atMs })
    if (this.#entries.length > 64 && this.#entries.length > 4 * this.#current.size) this.#rebuild()
    this.#arm()
  }

  delete(key: string): void {
    if (this.#current.delete(key)) this.#arm()
  }

  /** Forgets everything and stops the timer. */
  clear(): void {
    this.#entries = []
    this.#current.clear()
    this.#arm()
  }

  #arm(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    const next = this.#peek()
    if (!next) return
    const delayMs = Math.min(Math.max(Math.ceil(next.atMs - this.#options.nowMs()), 0), maxTimerMs)
    this.#timer = setTimeout(() => this.#fire(), delayMs)
  }

  #fire(): void {
    const due: string[] = []
    for (let next = this.#peek(); next && next.atMs <= this.#options.nowMs(); next = this.#peek()) {
      this.#pop()
      this.#current.delete(next.key)
      due.push(next.key)
    }
    this.#arm()
    for (const key of due) this.#options.onDue(key)
  }

  #peek(): Entry | undefined {
    for (let first = this.#entries[0]; first; first = this.#entries[0]) {
      if (this.#current.get(first.key) === first.atMs) return first
      this.#pop()
    }
    return undefined
  }

  #rebuild(): void {
    this.#entries = []
    for (const [key, atMs] of this.#current) this.#push({ key, atMs })
  }

  #push(entry: Entry): void {
    let at = this.#entries.length
    this.#entries.push(entry)
    while (at > 0) {
      const parentAt = (at - 1) >> 1
      const parent = this.#entries[parentAt]
      if (!parent || parent.atMs <= entry.atMs) break
      this.#entries[at] = parent
      at = parentAt
    }
    this.#entries[at] = entry
  }

  #pop(): void {
    const last = this.#entries.pop()
    if (!last || this.#entries.length === 0) return
    let at = 0
    for (;;) {
      const child = this.#smallerChild(at)
      if (!child || child.entry.atMs >= last.atMs) break
      this.#entries[at] = child.entry
      at = child.at
    }
    this.#entries[at] = last
  }

  #smallerChild(at: number): { readonly at: number; readonly entry: Entry } | null {
    const [left, right] = [this.#entries[2 * at + 1], this.#entries[2 * at + 2]]
    if (!left) return null
    return right && right.atMs < left.atMs ? { at: 2 * at + 2, entry: right } : { at: 2 * at + 1, entry: left }
  }
}
