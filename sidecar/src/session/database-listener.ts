import { createServer, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
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
  /** The machine may have no such address (`::1` without IPv6): then it is done without. */
  readonly isOptional?: boolean
}

export interface DatabaseListenerOptions {
  readonly deps: SessionDeps
  readonly analyzer: PostgresAnalyzer
  readonly engine: () => PolicyEngine
  readonly cancels: CancelRegistry
  readonly database: { readonly namespace: string; readonly name: string }
  readonly onReachability: (reachable: boolean, reason: string, message: string) => void
  /** A client connection was closed. */
  readonly onClose: () => void
}

interface Connection {
  session: PostgresSession | null
  /** Resolves when nothing is left of it. */
  readonly served: Promise<void>
}

/** The door to one Database: its sockets, its sessions, and what they share. */
export class DatabaseListener {
  readonly #options: DatabaseListenerOptions
  readonly #servers = new Map<string, Server>()
  readonly #missing = new Set<string>()
  readonly #sessions = new Set<PostgresSession>()
  readonly #connections = new Map<Socket, Connection>()
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
      if (this.#servers.has(key) || this.#missing.has(key)) continue
      const server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => this.#accept(socket))
      try {
        server.listen(address.port, address.host)
        await once(server, 'listening')
      } catch (cause) {
        if (address.isOptional !== true || !isNoSuchAddress(cause)) throw cause
        this.#missing.add(key)
        this.#options.deps.log.info({ address: key }, 'there is no such address here; it is not listened on')
        continue
      }
      server.on('error', (cause) => this.#options.deps.log.warn({ err: cause }, 'a connection could not be accepted'))
      this.#servers.set(key, server)
    }
  }

  /** The Database is gone: another of its name may be another server with another schema. Its sessions end by themselves. */
  forget(): void {
    this.#perDatabase.clear()
  }

  /** Ends every session and closes the sockets; a client that does not read what it is told is cut off. */
  async close(): Promise<void> {
    const closed = [...this.#servers.values()].map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    )
    for (const [socket, { session }] of this.#connections) {
      if (session) session.shutdown()
      else socket.destroy()
    }
    const served = [...this.#connections.values()].map((connection) => connection.served)
    const ended = Promise.all([...closed, ...served]).then(() => 'ended' as const)
    if ((await Promise.race([ended, delay(farewellMs)])) === 'ended') return
    for (const socket of this.#connections.keys()) socket.destroy()
    await Promise.race([ended, delay(farewellMs)])
  }

  /** Client connections, logged in or not. */
  get connectionCount(): number {
    return this.#connections.size
  }

  #accept(socket: Socket): void {
    const { deps, engine, cancels, onReachability, onClose } = this.#options
    socket.on('error', (cause: Error) => deps.log.debug({ err: cause }, 'a client connection broke'))
    const served = serveConnection(socket, {
      deps,
      binding: () => this.#binding(),
      database: (name) => this.#database(name),
      engine,
      cancels,
      openSessions: this.#sessions,
      onReachability,
      onSession: (session) => {
        connection.session = session
        this.#sessions.add(session)
      },
    }).then(() => {
      this.#connections.delete(socket)
      if (connection.session) this.#sessions.delete(connection.session)
      onClose()
    })
    const connection: Connection = { session: null, served }
    this.#connections.set(socket, connection)
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

/** How long a client gets to read that its session ends, and then a session to end without it. */
const farewellMs = 250

/** bind(2): no interface has the address, or the kernel does not have its family. */
function isNoSuchAddress(cause: unknown): boolean {
  const code = cause instanceof Error && 'code' in cause ? cause.code : ''
  return code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT'
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
