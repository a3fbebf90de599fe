import type { Logger } from 'pino'
import type { DatabaseBinding, SidecarStatus } from '@sallyport/crds'
import type { PostgresAnalyzer } from './analysis/postgres-analyzer.ts'
import type { PolicyEngine } from './decision/decide.ts'
import { CancelRegistry } from './session/cancel-registry.ts'
import { DatabaseListener, type ListenAddress } from './session/database-listener.ts'
import type { SessionDeps } from './session/session-state.ts'

export interface ListenersOptions {
  readonly deps: SessionDeps
  readonly analyzer: PostgresAnalyzer
  readonly engine: () => PolicyEngine
  /** Further addresses of a Database, by name: what the webhook gave it. */
  readonly addresses: (database: DatabaseBinding) => readonly ListenAddress[]
  /** Ports the rules of the pod lead to, by Database: listened on whether the snapshot has the Database or not. */
  readonly redirects: ReadonlyMap<string, number>
  readonly onStatus: (status: SidecarStatus) => void
}

/**
 * Keeps one {@link DatabaseListener} for each Database of the current snapshot and each redirected one. A client of a Database
 * that the snapshot does not have is told so in its protocol; a refused connection would say that nothing is there.
 */
export class Listeners {
  readonly #options: ListenersOptions
  readonly #log: Logger
  readonly #listeners = new Map<string, DatabaseListener>()
  readonly #cancels = new CancelRegistry()
  readonly #reported = new Map<string, string>()
  readonly #onClose = new Set<() => void>()
  #applying: Promise<void> = Promise.resolve()
  readonly #unsubscribe: () => void

  constructor(options: ListenersOptions) {
    this.#options = options
    this.#log = options.deps.log
    this.#unsubscribe = options.deps.store.subscribe(() => {
      this.#applying = this.#applying.then(() => this.#apply(false)).catch(() => undefined)
    })
  }

  /** Opens what the snapshot at hand asks for. @throws the system's error of an address that cannot be listened on. */
  async open(): Promise<void> {
    const opened = this.#applying.then(() => this.#apply(true))
    this.#applying = opened.catch(() => undefined)
    await opened
  }

  /** Ends every session and closes the sockets. */
  async close(): Promise<void> {
    this.#unsubscribe()
    await this.#applying
    await Promise.all([...this.#listeners.values()].map((listener) => listener.close()))
  }

  /** Client connections, logged in or not. */
  get connectionCount(): number {
    return [...this.#listeners.values()].reduce((sum, listener) => sum + listener.connectionCount, 0)
  }

  /** Resolves as soon as no client is connected, or `signal` aborts. New connections are served meanwhile. */
  async idle(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const check = (): void => {
      if (signal.aborted || this.connectionCount === 0) resolve(undefined)
    }
    this.#onClose.add(check)
    signal.addEventListener('abort', check)
    check()
    await promise
    this.#onClose.delete(check)
    signal.removeEventListener('abort', check)
  }

  async #apply(strict: boolean): Promise<void> {
    const databases = this.#options.deps.store.current()?.databases ?? []
    const spoken = new Map(databases.filter(({ engine }) => engine === 'PostgreSQL').map((each) => [keyOf(each), each]))
    const others = new Set(databases.map(keyOf).filter((key) => !spoken.has(key)))
    const redirected = [...this.#options.redirects.keys()].filter((key) => !others.has(key))
    const wanted = new Set([...spoken.keys(), ...redirected])
    for (const [key, listener] of this.#listeners) {
      if (wanted.has(key)) continue
      this.#listeners.delete(key)
      await listener.close()
    }
    for (const key of wanted) {
      const database = spoken.get(key)
      const listener = this.#listenerOf(key)
      if (!database) listener.forget()
      try {
        await listener.listen([...this.#redirectAddresses(key), ...(database ? this.#localAddresses(database) : [])])
      } catch (cause) {
        if (strict) throw cause
        this.#log.error({ err: cause, database: key }, 'an address cannot be listened on')
      }
    }
  }

  #redirectAddresses(key: string): readonly ListenAddress[] {
    const port = this.#options.redirects.get(key)
    if (port === undefined) return []
    return [
      { host: '127.0.0.1', port },
      { host: '::1', port, isOptional: true },
    ]
  }

  #localAddresses(database: DatabaseBinding): readonly ListenAddress[] {
    return [{ host: '127.0.0.1', port: database.localPort }, ...this.#options.addresses(database)]
  }

  #listenerOf(key: string): DatabaseListener {
    const known = this.#listeners.get(key)
    if (known) return known
    const { deps, analyzer, engine } = this.#options
    const [namespace = '', name = ''] = key.split('/')
    const listener = new DatabaseListener({
      deps,
      analyzer,
      engine,
      cancels: this.#cancels,
      database: { namespace, name },
      onReachability: (reachable, reason, message) => this.#report({ namespace, name, reachable, reason, message }),
      onClose: () => {
        for (const listen of this.#onClose) listen()
      },
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
