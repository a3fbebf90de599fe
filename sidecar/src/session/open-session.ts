import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import type { DatabaseBinding, GrantBinding } from '@sallyport/crds'
import type { PolicyEngine } from '../decision/decide.ts'
import { AuditError } from '../model/audit-event.ts'
import type { Denial } from '../model/decision.ts'
import {
  authenticationOk,
  backendKeyData,
  errorResponse,
  negotiateProtocolVersion,
  parameterStatus,
  readyForQuery,
} from '../wire/postgres/encode.ts'
import { FrontendDecoder } from '../wire/postgres/frontend.ts'
import { WireError } from '../wire/postgres/wire-error.ts'
import type { CancelRegistry } from './cancel-registry.ts'
import { ClientStartup, type StartupMessage, type Started } from './client-startup.ts'
import { searchPathQuery } from './segment.ts'
import { denial, denialResponse } from './denial-response.ts'
import { Outbox } from './outbox.ts'
import { PostgresSession } from './postgres-session.ts'
import { readStartup, upstreamParameters, type StartupRequest } from './settings.ts'
import { newSessionObjects, type DatabaseDeps, type SessionDeps, type SessionState } from './session-state.ts'
import { activeGrants } from './statement-judge.ts'
import { startupStatement } from './startup-statement.ts'
import { connectUpstream, UpstreamError, type Upstream } from './upstream.ts'
import { queryUpstream } from './upstream-query.ts'

/** The newest minor version of protocol 3 spoken with clients. */
const newestMinorVersion = 2

export interface OpenOptions {
  readonly deps: SessionDeps
  /** The Database as the current snapshot has it; null when it is gone. */
  readonly binding: () => DatabaseBinding | null
  /** What sessions on one database of the server share. */
  readonly database: (name: string) => DatabaseDeps
  readonly engine: () => PolicyEngine
  readonly cancels: CancelRegistry
  /** Sessions open on this Database, by grant; the caller keeps it. */
  readonly openSessions: ReadonlySet<PostgresSession>
  readonly onReachability: (reachable: boolean, reason: string, message: string) => void
  readonly onSession: (session: PostgresSession) => void
}

/** Takes one connection from its first byte to its last. Never throws. */
export async function serveConnection(socket: Socket, options: OpenOptions): Promise<void> {
  const { deps } = options
  const startup = new ClientStartup(socket, {
    secureContext: deps.clientTls,
    onCancel: (key) => options.cancels.cancel(key),
    onTlsError: (cause) => deps.log.debug({ err: cause }, 'TLS with a client broke'),
  })
  try {
    const started = await startup.read()
    if (started) await serveClient(startup.socket, started, options)
  } catch (cause) {
    if (cause instanceof WireError)
      refuse(startup.socket, denial('protocol-violation', { object: cause.code, message: cause.message }))
    else deps.log.error({ err: cause }, 'a connection failed')
  } finally {
    startup.socket.destroySoon()
  }
}

async function serveClient(socket: Socket, started: Started, options: OpenOptions): Promise<void> {
  const { deps } = options
  const admitted = admit(started.message, options)
  if (admitted.kind === 'Refused') {
    refuseLogin(socket, admitted.denial, started.message, options)
    return
  }
  const { binding, request, name, grants } = admitted
  const database = options.database(name)
  let upstream: Upstream
  let searchPath: readonly string[]
  try {
    upstream = await connectUpstream({
      binding,
      database: name,
      parameters: upstreamParameters(request, grants),
      useHostsFile: deps.useHostsFile,
      connectTimeoutMs: deps.connectTimeoutMs,
      maxMessageBytes: deps.maxMessageBytes,
      signal: AbortSignal.timeout(deps.connectTimeoutMs),
    })
    await database.catalogs.load()
    const rows = await queryUpstream(upstream, searchPathQuery, deps.connectTimeoutMs)
    searchPath = rows.flatMap(([schema]) => (typeof schema === 'string' ? [schema] : []))
  } catch (cause) {
    const reason = cause instanceof UpstreamError ? cause.reason : 'Unreachable'
    const message = cause instanceof UpstreamError ? cause.message : 'the database could not be used'
    deps.log.warn({ err: cause, database: `${binding.namespace}/${binding.name}` }, 'the database could not be used')
    options.onReachability(false, reason, message)
    refuseLogin(
      socket,
      denial('database-unavailable', { object: `${binding.namespace}/${binding.name}` }),
      started.message,
      options,
    )
    return
  }
  options.onReachability(true, 'Connected', 'a session was opened')
  if (socket.destroyed) {
    upstream.socket.destroy()
    return
  }
  const state = newState(socket, upstream, { request, name, searchPath, options })
  const session: PostgresSession = new PostgresSession({
    deps,
    database,
    state,
    decoder: new FrontendDecoder({ maxMessageBytes: deps.maxMessageBytes }),
    engine: options.engine,
  })
  const key = options.cancels.register(() => session.cancel(), started.message.minorVersion < 2 ? 'short' : 'long')
  try {
    options.onSession(session)
    welcome(state, started.message, request, key)
    await session.run(started.rest)
  } finally {
    options.cancels.release(key)
  }
}

type Admission =
  | { readonly kind: 'Refused'; readonly denial: Denial }
  | {
      readonly kind: 'Admitted'
      readonly binding: DatabaseBinding
      readonly request: StartupRequest
      readonly name: string
      readonly grants: readonly GrantBinding[]
    }

/** Everything that can be said no to before the database is dialled. */
function admit(message: StartupMessage, options: OpenOptions): Admission {
  const refused = (denied: Denial): Admission => ({ kind: 'Refused', denial: denied })
  const { deps, database } = options
  const started = readStartup(message.parameters)
  if (started.kind === 'Malformed') return refused(denial('protocol-violation', { object: started.message }))
  const { request } = started
  const binding = options.binding()
  if (!binding) return refused(denial('no-active-grant'))
  if (deps.store.isStale()) return refused(denial('stale-bundle'))
  const grants = activeGrants(deps.store.current()?.grants ?? [], binding, deps.clock.now())
  const [grant] = grants
  if (!grant) return refused(denial('no-active-grant', { object: `${binding.namespace}/${binding.name}` }))
  if (request.replication) return refused(denial('unsupported-message', { object: 'replication' }))
  const name = request.database ?? binding.databases[0]
  if (!binding.databases.includes(name)) return refused(denial('database-not-listed', { object: name }))
  const allowed = Math.max(...grants.map((each) => each.limits.connections ?? Number.POSITIVE_INFINITY))
  if (options.openSessions.size >= allowed)
    return refused(denial('too-many-connections', { object: `connections > ${allowed}` }))
  if (request.settings.length > 0) {
    const decision = database(name).judge.decide(startupStatement(request.settings), binding, {
      database: name,
      serverVersion: '',
      facts: () => ({
        applicationName: request.applicationName,
        transaction: 'Idle',
        statements: 0,
        rows: 0,
        bytes: 0,
      }),
    })
    if (decision.effect === 'Deny') return refused(decision)
  }
  return { kind: 'Admitted', binding, request, name, grants }
}

function refuse(socket: Socket, denied: Denial): void {
  if (!socket.destroyed) socket.end(errorResponse(denialResponse(denied, 'FATAL')))
}

/** A refused login is evidence, too. */
function refuseLogin(socket: Socket, denied: Denial, message: StartupMessage, { deps, binding }: OpenOptions): void {
  deps.metrics.statements.inc({ decision: 'Deny', reason: denied.reason })
  const subject = deps.store.current()?.subject
  try {
    if (subject)
      deps.audit.append({
        kind: 'Session',
        phase: 'Refused',
        grant: denied.grant ?? null,
        subject,
        session: {
          id: randomUUID(),
          database: message.parameters.get('database') ?? binding()?.databases[0] ?? '',
          clientAddress: socket.remoteAddress ?? '',
          user: message.parameters.get('user') ?? '',
          applicationName: message.parameters.get('application_name') ?? '',
        },
        reason: denied.reason,
      })
  } catch (cause) {
    if (!(cause instanceof AuditError)) throw cause
    deps.log.error({ err: cause }, 'a refused login could not be recorded')
  }
  refuse(socket, denied)
}

interface NewState {
  readonly request: StartupRequest
  readonly name: string
  readonly searchPath: readonly string[]
  readonly options: OpenOptions
}

function newState(socket: Socket, upstream: Upstream, { request, name, searchPath, options }: NewState): SessionState {
  const subject = options.deps.store.current()?.subject ?? {
    namespace: '',
    serviceAccount: '',
    pod: '',
    podUID: '',
    labels: {},
  }
  return {
    ...newSessionObjects(),
    id: randomUUID(),
    subject,
    rowBudget: options.deps.rowBudget,
    database: name,
    user: request.user,
    clientAddress: socket.remoteAddress ?? '',
    applicationName: request.applicationName,
    serverVersion: upstream.parameters.get('server_version') ?? '',
    clientSocket: socket,
    client: new Outbox(socket),
    upstream,
    server: new Outbox(upstream.socket),
    transaction: 'I',
    segmentOpen: false,
    segmentFailed: false,
    skip: null,
    swallowing: false,
    poisonDue: false,
    copy: 'None',
    isInRow: false,
    searchPath,
    searchPathTouched: false,
    searchPathStale: false,
    affectedInTransaction: 0,
    statements: 0,
    rows: 0,
    bytes: 0,
    serverFatal: false,
    closed: false,
  }
}

/** AuthenticationOk, what the server reported of itself, a cancel key of our own, ReadyForQuery. */
function welcome(
  state: SessionState,
  message: StartupMessage,
  request: StartupRequest,
  key: { readonly processId: number; readonly secretKey: Buffer },
): void {
  const { client, upstream } = state
  if (message.minorVersion > newestMinorVersion || request.protocolOptions.length > 0)
    client.push(negotiateProtocolVersion(Math.min(message.minorVersion, newestMinorVersion), request.protocolOptions))
  client.push(authenticationOk())
  for (const [name, value] of upstream.parameters) client.push(parameterStatus(name, value))
  client.push(backendKeyData(key.processId, key.secretKey))
  client.push(readyForQuery('I'))
}
