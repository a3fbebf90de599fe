import type { Logger } from 'pino'
import type { DatabaseBinding, SidecarStatus } from '@sallyport/crds'
import type { PostgresAnalyzer } from './analysis/postgres-analyzer.ts'
import type { ListenAddress } from './config.ts'
import type { PolicyEngine } from './decision/decide.ts'
import { CancelRegistry } from './session/cancel-registry.ts'
import { DatabaseListener } from './session/database-listener.ts'
import type { SessionDeps } from './session/session-state.ts'

export interface ListenersOptions {
  readonly deps: SessionDeps
  readonly analyzer: PostgresAnalyzer
  readonly engine: () => PolicyEngine
  /** Further addresses of a Database, by name: what the webhook gave it. */
  readonly addresses: (database: DatabaseBinding) => readonly ListenAddress[]
  readonly onStatus: (status: SidecarStatus) => void
}

/** Keeps one {@link DatabaseListener} for each Database of the current snapshot. */
export class Listeners {
  readonly #options: ListenersOptions
  readonly #log: Logger
  readonly #listeners = new Map<string, DatabaseListener>()
  readonly #cancels = new CancelRegistry()
  readonly #reported = new Map<string, string>()
  #applying: Promise<void> = Promise.resolve()

  constructor(options: ListenersOptions) {
    this.#options = options
    this.#log = options.deps.log
    options.deps.store.subscribe(() => {
      this.#applying = this.#applying.then(() => this.#apply(false)).catch(() => undefined)
    })
  }

  /** Opens what the snapshot at hand asks for. @throws the system's error of an address that cannot be listened on. */
  async open(): Promise<void> {
    await this.#apply(true)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#listeners.values()].map((listener) => listener.close()))
  }

  async #apply(strict: boolean): Promise<void> {
    const databases = this.#options.deps.store.current()?.databases ?? []
    const wanted = new Set(databases.map(keyOf))
    for (const [key, listener] of this.#listeners) {
      if (wanted.has(key)) continue
      this.#listeners.delete(key)
      await listener.close()
    }
    for (const database of databases) {
      if (database.engine !== 'PostgreSQL') continue
      try {
        await this.#listenerOf(database).listen([
          { host: '127.0.0.1', port: database.localPort },
          ...this.#options.addresses(database),
        ])
      } catch (cause) {
        if (strict) throw cause
        this.#log.error({ err: cause, database: keyOf(database) }, 'an address cannot be listened on')
      }
    }
  }

  #listenerOf(database: DatabaseBinding): DatabaseListener {
    const key = keyOf(database)
    const known = this.#listeners.get(key)
    if (known) return known
    const { deps, analyzer, engine } = this.#options
    const { namespace, name } = database
    const listener = new DatabaseListener({
      deps,
      analyzer,
      engine,
      cancels: this.#cancels,
      database: { namespace, name },
      onReachability: (reachable, reason, message) => this.#report({ namespace, name, reachable, reason, message }),
    })
    this.#listeners.set(key, listener)
    return listener
  }

  /** Tells what changed only: sessions come and go, the condition of a Database does not. */
  #report(entry: SidecarStatus['databases'][number]): void {
    const key = `${entry.namespace}/${entry.name}`
    const said = `${entry.reachable} ${entry.reason} ${entry.message}`
    if (this.#reported.get(key) === said) return
    this.#reported.set(key, said)
    this.#options.onStatus({ databases: [entry] })
  }
}

function keyOf(database: Pick<DatabaseBinding, 'namespace' | 'name'>): string {
  return `${database.namespace}/${database.name}`
}
