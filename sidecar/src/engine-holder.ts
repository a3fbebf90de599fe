import { readFile } from 'node:fs/promises'
import type { Logger } from 'pino'
import type { BundleStore } from './bundle/bundle-store.ts'
import { loadPolicyEngine, type PolicyEngine } from './decision/decide.ts'
import { AuditError, type AuditLog } from './model/audit-event.ts'

/**
 * The engine that judges now. New policies take its place when they are loaded; until then, and where they cannot be
 * loaded, the last good ones stay in force.
 */
export class EngineHolder {
  readonly #guardrails: Uint8Array
  readonly #store: BundleStore
  readonly #audit: AuditLog
  readonly #log: Logger
  #engine: PolicyEngine
  #loaded: string
  #loading: Promise<void> = Promise.resolve()

  private constructor(options: HolderOptions, guardrails: Uint8Array, engine: PolicyEngine) {
    this.#guardrails = guardrails
    this.#store = options.store
    this.#audit = options.audit
    this.#log = options.log
    this.#engine = engine
    this.#loaded = identity(options.store)
    options.store.subscribe(() => {
      this.#loading = this.#loading.then(() => this.#reload())
    })
  }

  /** Loads the guardrails and the policies at hand. @throws when the guardrails cannot be read or loaded. */
  static async load(options: HolderOptions): Promise<EngineHolder> {
    const guardrails = await readFile(options.guardrailsFile)
    const engine = await loadPolicyEngine({ guardrails, policies: options.store.policies(), log: options.log })
    return new EngineHolder(options, guardrails, engine)
  }

  readonly current = (): PolicyEngine => this.#engine

  async #reload(): Promise<void> {
    const wanted = identity(this.#store)
    if (wanted === this.#loaded) return
    const policies = this.#store.policies()
    try {
      this.#engine = await loadPolicyEngine({ guardrails: this.#guardrails, policies, log: this.#log })
      this.#loaded = wanted
      this.#record('Loaded', wanted, null)
    } catch (cause) {
      this.#log.error({ err: cause }, 'the new policies cannot be loaded; the last good ones stay in force')
      this.#record('Refused', wanted, 'policy-error')
    }
  }

  #record(phase: 'Loaded' | 'Refused', policy: string, reason: string | null): void {
    try {
      this.#audit.append({ kind: 'Policy', phase, policy, digest: this.#engine.digest, reason })
    } catch (cause) {
      if (!(cause instanceof AuditError)) throw cause
      this.#log.error({ err: cause }, 'a change of policies could not be recorded')
    }
  }
}

export interface HolderOptions {
  readonly guardrailsFile: string
  readonly store: BundleStore
  readonly audit: AuditLog
  readonly log: Logger
}

function identity(store: BundleStore): string {
  return store
    .policies()
    .map(({ binding }) => `${binding.namespace ?? ''}/${binding.name}=${binding.mode}:${binding.digest}`)
    .join(' ')
}
