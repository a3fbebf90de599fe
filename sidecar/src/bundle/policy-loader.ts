import type { Logger } from 'pino'
import type { Snapshot } from '@sallyport/crds'
import type { LoadedPolicy } from '../model/decision.ts'
import type { BundleStore } from './bundle-store.ts'
import type { ControllerClient } from './controller-client.ts'
import { narrowSnapshot } from './narrow-snapshot.ts'
import { isAborted, pause } from './pause.ts'

export interface PolicyLoaderOptions {
  readonly controller: Pick<ControllerClient, 'fetchPolicy'>
  readonly store: BundleStore
  readonly log: Logger
  readonly minRetryMs?: number
  readonly maxRetryMs?: number
}

/** Puts a snapshot in force when the modules of all its policies are here; each is fetched once. */
export class PolicyLoader {
  readonly #options: PolicyLoaderOptions
  /** Modules by digest, of the snapshot in force and the one being loaded. */
  #modules = new Map<string, Uint8Array>()
  #loading: AbortController | null = null

  constructor(options: PolicyLoaderOptions) {
    this.#options = options
  }

  /** A snapshot has come that is not in force yet. */
  get isLoading(): boolean {
    return this.#loading !== null
  }

  /** Replaces a snapshot that is still being loaded. What it takes away is gone when this returns. */
  load(snapshot: Snapshot): void {
    this.stop()
    const { store, log } = this.#options
    if (this.#missing(snapshot).length === 0) {
      this.#enforce(snapshot)
      return
    }
    const current = store.current()
    if (current) store.narrow(narrowSnapshot(current, snapshot))
    const loading = new AbortController()
    this.#loading = loading
    this.#fetchAll(snapshot, loading.signal).catch((cause: unknown) => {
      if (!loading.signal.aborted) log.error({ err: cause }, 'a snapshot could not be put in force')
    })
  }

  stop(): void {
    this.#loading?.abort()
    this.#loading = null
  }

  #missing(snapshot: Snapshot): readonly string[] {
    return [...new Set(snapshot.policies.map(({ digest }) => digest))].filter((digest) => !this.#modules.has(digest))
  }

  async #fetchAll(snapshot: Snapshot, signal: AbortSignal): Promise<void> {
    const { controller, log, minRetryMs = 100, maxRetryMs = 10_000 } = this.#options
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        for (const digest of this.#missing(snapshot))
          this.#modules.set(digest, await controller.fetchPolicy(digest, signal))
        if (isAborted(signal)) return
        this.#loading = null
        this.#enforce(snapshot)
        return
      } catch (cause) {
        if (isAborted(signal)) return
        log.warn(
          { err: cause },
          'a policy could not be fetched; the last good snapshot stays in force, without what ended',
        )
        await pause(Math.min(maxRetryMs, minRetryMs * 2 ** Math.min(failures, 20)), signal)
      }
    }
  }

  #enforce(snapshot: Snapshot): void {
    const policies: LoadedPolicy[] = []
    const modules = new Map<string, Uint8Array>()
    for (const binding of snapshot.policies) {
      const wasm = this.#modules.get(binding.digest)
      if (!wasm) continue
      policies.push({ binding, wasm })
      modules.set(binding.digest, wasm)
    }
    this.#modules = modules
    this.#options.store.swap(snapshot, policies)
  }
}
