import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { AuditError } from '../model/audit-event.ts'
import type { Denial } from '../model/decision.ts'
import { errorResponse } from '../wire/postgres/encode.ts'
import type { FrontendDecoder } from '../wire/postgres/frontend.ts'
import { WireError } from '../wire/postgres/wire-error.ts'
import type { PolicyEngine } from '../decision/decide.ts'
import { ClientSide } from './client-side.ts'
import { denial, denialResponse } from './denial-response.ts'
import type { Execution } from './execution.ts'
import { MessageQueue } from './message-queue.ts'
import { ServerSide } from './server-side.ts'
import type { DatabaseDeps, SessionDeps, SessionState } from './session-state.ts'
import { activeGrants } from './statement-judge.ts'
import { cancelUpstream } from './upstream.ts'

/** A server that does not react to a cancel request within this is left; the session ends. */
const cancelGraceMs = 2_000
/** How long the server gets to stop and roll back before the connection is cut. */
const endGraceMs = 200
const maxTimerMs = 86_400_000
/** A client that does not read by then what it was told last is cut off. */
const farewellMs = 5_000

export interface SessionResources {
  readonly deps: SessionDeps
  readonly database: DatabaseDeps
  readonly state: SessionState
  readonly decoder: FrontendDecoder
  readonly engine: () => PolicyEngine
}

/** One logged-in client: joins the two sides, watches the grant's end and the clocks, and closes everything once. */
export class PostgresSession {
  readonly #resources: SessionResources
  readonly #server: ServerSide
  readonly #client: ClientSide
  readonly #messages: MessageQueue
  readonly #running = new Set<Execution>()
  readonly #stop = new AbortController()
  #wakeReady: (() => void) | null = null
  #readyCount = 0
  #cancelling: Promise<void> | null = null
  #expiry: NodeJS.Timeout | null = null
  #closedBy: Denial | null = null

  constructor(resources: SessionResources) {
    this.#resources = resources
    const { deps, database, state } = resources
    this.#messages = new MessageQueue(state.clientSocket)
    this.#client = new ClientSide(deps, database, state, {
      messages: this.#messages,
      ready: () => this.#ready(),
      fatal: (denied) => this.#fatal(denied),
      onStart: (execution) => this.#onStart(execution),
      onDone: (execution, sqlstate) => this.#onDone(execution, sqlstate),
      policyDigest: () => resources.engine().digest,
    })
    this.#server = new ServerSide(state, {
      onReady: () => this.#onReady(),
      onDone: (execution, sqlstate) => this.#onDone(execution, sqlstate),
      cancel: () => this.#cancelStatement(),
      fatal: (denied) => this.#fatal(denied),
      hashKey: () => Buffer.from(database.binding()?.hashKey ?? '', 'base64'),
      sensitive: (column) => database.binding()?.sensitive.some((entry) => entry.column === column) ?? true,
      isSensitive: () => (database.binding()?.sensitive.length ?? 1) > 0,
      catalog: () => database.catalogs.current(),
      onSchemaChange: () => void database.catalogs.refresh().catch(() => undefined),
    })
  }

  /** Serves the client to its end, beginning with what came behind its start-up packet. Never throws. */
  async run(rest: Buffer): Promise<void> {
    const { deps } = this.#resources
    const unsubscribe = deps.store.subscribe(this.#bordered(() => this.#checkGrants()))
    deps.metrics.sessions.inc()
    try {
      this.#attach(rest)
      this.#checkGrants()
      this.#client.audit.session('Open', null, null)
      await this.#client.run()
    } catch (cause) {
      this.#failed(cause)
    } finally {
      unsubscribe()
      if (this.#expiry) clearTimeout(this.#expiry)
      deps.metrics.sessions.dec()
      await this.#close()
    }
  }

  /** The client asked for it with our key. An idle session has nothing to cancel. Resolves when the server was asked. */
  async cancel(): Promise<void> {
    if (this.#running.size > 0) this.#bordered(() => this.#cancelStatement())()
    await this.#cancelling
  }

  /** The sidecar ends: the client is told and everything is closed. */
  shutdown(): void {
    this.#bordered(() => this.#fatal(denial('sidecar-stopped')))()
  }

  /** The border of a session: what goes wrong in answer to an event ends this session, and never the process. */
  #bordered<Given extends readonly unknown[]>(react: (...given: Given) => void): (...given: Given) => void {
    return (...given) => {
      try {
        react(...given)
      } catch (cause) {
        this.#failed(cause)
      }
    }
  }

  #failed(cause: unknown): void {
    const { deps, state } = this.#resources
    deps.log.error({ err: cause, session: state.id }, 'the session failed')
    try {
      this.#fatal(denial(cause instanceof AuditError ? 'audit-unavailable' : 'protocol-violation'))
    } catch (again) {
      deps.log.error({ err: again, session: state.id }, 'the failed session could not be ended in its protocol')
      state.clientSocket.destroy()
      state.upstream.socket.destroy()
    }
  }

  #onClientData(chunk: Buffer): void {
    if (this.#resources.state.closed) return
    try {
      this.#messages.push(this.#resources.decoder.push(chunk))
      if (this.#resources.state.upstream.socket.writableNeedDrain) this.#messages.hold()
    } catch (cause) {
      const object = cause instanceof WireError ? cause.code : 'unexpected'
      this.#fatal(denial('protocol-violation', { object }))
    }
  }

  #attach(rest: Buffer): void {
    const { state } = this.#resources
    const { clientSocket, upstream } = state
    clientSocket.on(
      'data',
      this.#bordered((chunk: Buffer) => this.#onClientData(chunk)),
    )
    if (rest.length > 0) this.#onClientData(rest)
    clientSocket.on(
      'close',
      this.#bordered(() => {
        this.#messages.end()
        // A server that waits until the client takes more would wait for ever.
        upstream.socket.resume()
      }),
    )
    clientSocket.on(
      'end',
      this.#bordered(() => this.#messages.end()),
    )
    clientSocket.on('drain', () => upstream.socket.resume())
    upstream.socket.on(
      'data',
      this.#bordered((chunk: Buffer) => this.#onServerData(chunk)),
    )
    upstream.socket.on('drain', () => this.#messages.release())
    upstream.socket.on(
      'close',
      this.#bordered(() => this.#serverGone()),
    )
    clientSocket.resume()
    upstream.socket.resume()
  }

  #onServerData(chunk: Buffer): void {
    const { state, deps } = this.#resources
    if (state.closed) return
    try {
      state.upstream.decoder.push(chunk, this.#server.onFrame, this.#server.runs)
    } catch (cause) {
      deps.log.error({ err: cause, session: state.id }, 'the server sent what is not the protocol')
      this.#fatal(denial('result-mismatch', { object: 'protocol of the server' }))
    }
    // As a server ends that cannot write any more; what only runs to its end may.
    if (state.clientSocket.destroyed && this.#running.size > 0) this.#end(null)
    else if (!state.client.flush()) state.upstream.socket.pause()
  }

  #serverGone(): void {
    const { state } = this.#resources
    if (state.closed) return
    const gone = denial('database-unavailable', { object: 'the server closed the connection' })
    // The server said FATAL itself and the client has it: only the end is left.
    if (state.serverFatal) this.#end(gone)
    else this.#fatal(gone)
  }

  // --- the end of a segment -------------------------------------------------------------------------------------------

  /** Resolves at the ReadyForQuery that answers what was sent last, and after a cancel request under way has gone. */
  async #ready(): Promise<void> {
    const { state } = this.#resources
    if (this.#readyCount === 0 && !state.closed) {
      await new Promise<void>((resolve) => (this.#wakeReady = resolve))
    } else if (this.#readyCount > 0) {
      this.#readyCount--
    }
    // A cancel request that is still on its way must not hit the next statement.
    if (this.#cancelling) await this.#cancelling
  }

  #onReady(): void {
    const wake = this.#wakeReady
    this.#wakeReady = null
    if (wake) wake()
    else this.#readyCount++
  }

  #onStart(execution: Execution): void {
    this.#running.add(execution)
    const timeoutMs = execution.permit.grant.limits.statementTimeoutMs
    if (timeoutMs === undefined || execution.result) return
    const overdue = this.#bordered(() => this.#cancelStatement())
    execution.timer = setTimeout(overdue, Math.min(timeoutMs, maxTimerMs))
  }

  #onDone(execution: Execution, sqlstate: string | null): void {
    const { state } = this.#resources
    if (execution.timer) clearTimeout(execution.timer)
    for (const running of this.#running) if (running.intent === execution.intent) this.#running.delete(running)
    state.rows += execution.rows
    state.bytes += execution.bytes
    try {
      this.#client.audit.outcome(execution, sqlstate, execution.cutOff)
    } catch (cause) {
      this.#resources.deps.log.error({ err: cause }, 'an outcome could not be recorded')
      this.#fatal(denial('audit-unavailable'))
    }
  }

  #cancelStatement(): void {
    const { deps, database, state } = this.#resources
    const binding = database.binding()
    if (this.#cancelling || !binding || state.closed) return
    const overdue = setTimeout(
      this.#bordered(() => this.#fatal(denial('statement-timeout', { object: 'no answer to cancel' }))),
      cancelGraceMs,
    )
    this.#cancelling = cancelUpstream({ binding, ...deps, signal: this.#stop.signal }, state.upstream)
      .catch((cause: unknown) => deps.log.warn({ err: cause, session: state.id }, 'the cancel request failed'))
      .finally(() => {
        this.#cancelling = null
        if (this.#running.size === 0) clearTimeout(overdue)
      })
    const started = [...this.#running]
    for (const execution of started) {
      const then = execution.onDone
      execution.onDone = () => {
        clearTimeout(overdue)
        then?.()
      }
    }
    if (started.length === 0) clearTimeout(overdue)
  }

  // --- the end of access ----------------------------------------------------------------------------------------------

  /** Runs at every change of the bundle and at the next expiry: what the session stands on must still be there. */
  #checkGrants(): void {
    const { deps, database, state } = this.#resources
    if (state.closed) return
    if (this.#expiry) clearTimeout(this.#expiry)
    this.#expiry = null
    const nowMs = deps.clock.now()
    const binding = database.binding()
    const grants = binding ? activeGrants(deps.store.current()?.grants ?? [], binding, nowMs) : []
    for (const { permit } of this.#running) {
      if (grants.some((grant) => grant.uid === permit.grant.uid)) continue
      return this.#fatal(ended(permit.grant.expiresAtMs <= nowMs, `${permit.grant.namespace}/${permit.grant.name}`))
    }
    const [first] = grants
    if (!first) return this.#fatal(ended(this.#lastExpiryMs <= nowMs, this.#lastGrant))
    const nextMs = Math.min(...grants.map((grant) => grant.expiresAtMs))
    this.#lastExpiryMs = Math.max(...grants.map((grant) => grant.expiresAtMs))
    this.#lastGrant = `${first.namespace}/${first.name}`
    const again = this.#bordered(() => this.#checkGrants())
    this.#expiry = setTimeout(again, Math.min(Math.max(0, nextMs - nowMs), maxTimerMs))
  }

  #lastExpiryMs = Number.POSITIVE_INFINITY
  #lastGrant = ''

  /** FATAL to the client at once; then the server is made to stop, roll back and close. */
  #fatal(denied: Denial): void {
    const { state } = this.#resources
    if (state.closed) return
    // In the middle of a row an error would be read as a part of it.
    if (!state.isInRow) state.client.push(errorResponse(denialResponse(denied, 'FATAL')))
    this.#end(denied)
  }

  #end(denied: Denial | null): void {
    const { state } = this.#resources
    state.closed = true
    this.#closedBy = denied
    state.client.flush()
    state.clientSocket.end()
    for (const execution of this.#running) {
      execution.cutOff ??= denied
      execution.onDone?.()
    }
    this.#messages.end()
    this.#wakeReady?.()
  }

  /** What was said last is delivered, to a client that takes it. */
  #leave(socket: Socket): void {
    socket.destroySoon()
    if (socket.destroyed) return
    const overdue = setTimeout(() => socket.destroy(), farewellMs)
    socket.once('close', () => clearTimeout(overdue))
  }

  async #close(): Promise<void> {
    const { deps, database, state } = this.#resources
    state.closed = true
    const { socket } = state.upstream
    const binding = database.binding()
    if (this.#running.size > 0 && binding && !socket.destroyed) {
      // The server notices a closed connection only when it next writes: without a cancel pg_sleep would sleep on.
      await Promise.race([
        cancelUpstream({ binding, ...deps, signal: this.#stop.signal }, state.upstream).catch(() => undefined),
        delay(endGraceMs),
      ])
    }
    socket.destroy()
    this.#leave(state.clientSocket)
    this.#stop.abort()
    for (const execution of [...this.#running]) {
      execution.cutOff ??= this.#closedBy
      this.#onDone(execution, this.#closedBy ? '57P01' : 'unknown')
    }
    try {
      this.#client.audit.session('Close', this.#closedBy?.reason ?? null, null)
    } catch (cause) {
      deps.log.error({ err: cause }, 'the end of a session could not be recorded')
    }
  }
}

function ended(expired: boolean, grant: string): Denial {
  return denial(expired ? 'grant-expired' : 'grant-revoked', grant === '' ? {} : { grant })
}
