import { createServer, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import type { PostgresAnalyzer } from '../analysis/postgres-analyzer.ts'
import type { PolicyEngine } from '../decision/decide.ts'
import type { DatabaseBinding } from '@sallyport/crds'
import type { CancelRegistry } from './cancel-registry.ts'
import { CatalogStore } from './catalog-store.ts'
import { serveConnection } from './open-session.ts'
import type { PostgresSession } from './postgres-session.ts'
import { StatementJudge } from './statement-judge.ts'
import type { DatabaseDeps, SessionDeps } from './session-state.ts'

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

export interface DatabaseListenerOptions {
  readonly deps: SessionDeps
  readonly analyzer: PostgresAnalyzer
  readonly engine: () => PolicyEngine
  readonly cancels: CancelRegistry
  readonly database: { readonly namespace: string; readonly name: string }
  readonly onReachability: (reachable: boolean, reason: string, message: string) => void
}

/** The door to one Database: its sockets, its sessions, and what they share. */
export class DatabaseListener {
  readonly #options: DatabaseListenerOptions
  readonly #servers = new Map<string, Server>()
  readonly #sessions = new Set<PostgresSession>()
  readonly #sockets = new Set<Socket>()
  readonly #perDatabase = new Map<string, DatabaseDeps>()

  constructor(options: DatabaseListenerOptions) {
    this.#options = options
  }

  /**
   * Opens and closes sockets until exactly these addresses are listened on. Sessions stay.
   * @throws the system's error of an address that cannot be listened on.
   */
  async listen(addresses: readonly ListenAddress[]): Promise<void> {
    const wanted = new Map(addresses.map((address) => [`${address.host}:${address.port}`, address]))
    for (const [key, server] of this.#servers) {
      if (wanted.has(key)) continue
      server.close()
      this.#servers.delete(key)
    }
    for (const [key, address] of wanted) {
      if (this.#servers.has(key)) continue
      const server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => this.#accept(socket))
      server.listen(address.port, address.host)
      await once(server, 'listening')
      this.#servers.set(key, server)
    }
  }

  /** Ends every session and closes the sockets. */
  async close(): Promise<void> {
    const closed = [...this.#servers.values()].map(async (server) => {
      server.close()
      await once(server, 'close')
    })
    for (const session of this.#sessions) session.shutdown()
    for (const socket of this.#sockets) if (this.#sessions.size === 0) socket.destroy()
    await Promise.all(closed)
  }

  get sessionCount(): number {
    return this.#sessions.size
  }

  #accept(socket: Socket): void {
    const { deps, engine, cancels, onReachability } = this.#options
    this.#sockets.add(socket)
    socket.on('error', (cause: Error) => deps.log.debug({ err: cause }, 'a client connection broke'))
    let opened: PostgresSession | null = null
    void serveConnection(socket, {
      deps,
      binding: () => this.#binding(),
      database: (name) => this.#database(name),
      engine,
      cancels,
      openSessions: this.#sessions,
      onReachability,
      onSession: (session) => {
        opened = session
        this.#sessions.add(session)
      },
    }).finally(() => {
      this.#sockets.delete(socket)
      if (opened) this.#sessions.delete(opened)
    })
  }

  #binding(): DatabaseBinding | null {
    const { database, deps } = this.#options
    const found = deps.store
      .current()
      ?.databases.find((each) => each.namespace === database.namespace && each.name === database.name)
    return found ?? null
  }

  /** Catalog and judge belong to one database of the server: the same name means another relation in the next. */
  #database(name: string): DatabaseDeps {
    const known = this.#perDatabase.get(name)
    if (known) return known
    const { deps, analyzer, engine } = this.#options
    const catalogs = new CatalogStore(
      () => {
        const binding = this.#binding()
        return {
          binding: binding ?? missingBinding,
          database: name,
          parameters: new Map([['application_name', 'sallyport']]),
          useHostsFile: deps.useHostsFile,
          connectTimeoutMs: deps.connectTimeoutMs,
          maxMessageBytes: deps.maxMessageBytes,
        }
      },
      deps.clock,
      deps.log,
    )
    const judge = new StatementJudge({ analyzer, store: deps.store, engine, clock: deps.clock }, catalogs)
    const made: DatabaseDeps = { judge, catalogs, binding: () => this.#binding() }
    this.#perDatabase.set(name, made)
    return made
  }
}

/** Dialling for a Database that is gone fails for want of credentials. */
const missingBinding: DatabaseBinding = {
  namespace: '',
  name: '',
  engine: 'PostgreSQL',
  host: '',
  port: 0,
  localPort: 0,
  databases: [''],
  tls: { mode: 'VerifyFull' },
  credentials: null,
  problem: 'the Database is gone',
  sensitive: [],
  hashKey: '',
  audit: { durability: 'Process', literals: 'Redacted' },
}
