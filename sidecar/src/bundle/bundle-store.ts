import type { Snapshot } from '@sallyport/crds'
import type { Clock } from '../model/clock.ts'
import type { LoadedPolicy } from '../model/decision.ts'

export interface BundleStoreOptions {
  readonly clock: Pick<Clock, 'monotonic'>
  /** Without a word from the controller for this long, what is held here is no longer trusted. `Infinity` in standalone mode. */
  readonly maxStaleMs?: number
}

/** What the sidecar may go by: the last snapshot whose policies are all here. */
export class BundleStore {
  readonly #options: BundleStoreOptions
  readonly #listeners = new Set<() => void>()
  #snapshot: Snapshot | null = null
  #policies: readonly LoadedPolicy[] = []
  #touchedMs = -Infinity

  constructor(options: BundleStoreOptions) {
    this.#options = options
  }

  /** Null until the first one is complete. */
  current(): Snapshot | null {
    return this.#snapshot
  }

  /** Modules of the current snapshot's policies, in its order. */
  policies(): readonly LoadedPolicy[] {
    return this.#policies
  }

  /** True before the first snapshot, too. */
  isStale(): boolean {
    if (this.#snapshot === null) return true
    return this.#options.clock.monotonic() - this.#touchedMs >= (this.#options.maxStaleMs ?? 600_000)
  }

  /** Puts a snapshot in force and tells subscribers. */
  swap(snapshot: Snapshot, policies: readonly LoadedPolicy[]): void {
    this.#snapshot = snapshot
    this.#policies = policies
    this.touch()
    this.#tell()
  }

  /** Takes access away without a sign that the rest is up to date: the age of the snapshot stays what it is. */
  narrow(snapshot: Snapshot): void {
    this.#snapshot = snapshot
    this.#tell()
  }

  /** The controller confirmed the current snapshot. */
  touch(): void {
    this.#touchedMs = this.#options.clock.monotonic()
  }

  /** Calls `listener` after each swap. @returns how to stop it. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener()
  }
}
