import type { RowBudget } from '../budget/row-budget.ts'
import type { Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import type { Logger } from 'pino'
import type { DatabaseBinding, Subject } from '@sallyport/crds'
import type { BundleStore } from '../bundle/bundle-store.ts'
import type { AuditLog } from '../model/audit-event.ts'
import type { Clock } from '../model/clock.ts'
import type { Denial } from '../model/decision.ts'
import type { CatalogStore } from './catalog-store.ts'
import { denial } from './denial-response.ts'
import type { Expected } from './expected.ts'
import type { Outbox } from './outbox.ts'
import { SessionObjects, type Portal, type PreparedStatement } from './session-objects.ts'
import type { StatementJudge } from './statement-judge.ts'
import type { SidecarMetrics } from './metrics.ts'
import type { Upstream } from './upstream.ts'

/** What every session of a sidecar shares. */
export interface SessionDeps {
  readonly store: BundleStore
  readonly audit: AuditLog
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: SidecarMetrics
  /** Rows over the life of a grant, shared by all sessions. */
  readonly rowBudget: RowBudget
  readonly useHostsFile: boolean
  readonly connectTimeoutMs: number
  readonly maxMessageBytes: number
  /** The certificate that is shown to applications; null: TLS is not offered to them. */
  readonly clientTls: (() => SecureContext) | null
}

/** What every session on one database shares. */
export interface DatabaseDeps {
  readonly judge: StatementJudge
  readonly catalogs: CatalogStore
  /** The binding as the current snapshot has it; null when the Database is gone. */
  binding(): DatabaseBinding | null
}

export type TransactionStatus = 'I' | 'T' | 'E'

/** One client connection after its login: data that both directions read and write. */
export interface SessionState {
  readonly id: string
  readonly subject: Subject
  readonly rowBudget: RowBudget
  readonly database: string
  readonly user: string
  readonly clientAddress: string
  applicationName: string
  readonly serverVersion: string
  readonly clientSocket: Socket
  readonly client: Outbox
  readonly upstream: Upstream
  readonly server: Outbox
  readonly expected: Expected[]
  readonly objects: SessionObjects
  /** Names that messages not yet answered will make (or, null, remove); gone with the next ReadyForQuery. */
  readonly pendingStatements: Map<string, PreparedStatement | null>
  readonly pendingPortals: Map<string, Portal | null>
  transaction: TransactionStatus
  /** Extended messages were forwarded and no Sync yet. */
  segmentOpen: boolean
  /** The server had an error of its own in the segment. */
  segmentFailed: boolean
  /** The client is in skip-until-Sync, as the server is; with our denial or, null, after an error of the server's own. */
  skip: { readonly denial: Denial | null } | null
  /** The client has its ErrorResponse; whatever the server still says before ReadyForQuery stays here. */
  swallowing: boolean
  /** The client was told of an error the server did not have, inside a transaction block: make the server fail, too. */
  poisonDue: boolean
  copy: 'None' | 'In'
  /** The client has the beginning of a large row: nothing else may be said to it before the end. */
  isInRow: boolean
  searchPath: readonly string[]
  /** SET search_path ran, so every rollback may change it, too. */
  searchPathTouched: boolean
  searchPathStale: boolean
  /** Rows affected since the transaction began. */
  affectedInTransaction: number
  statements: number
  rows: number
  bytes: number
  /** The server ended the session with a FATAL that went on to the client. */
  serverFatal: boolean
  closed: boolean
}

export function newSessionObjects(): Pick<
  SessionState,
  'expected' | 'objects' | 'pendingStatements' | 'pendingPortals'
> {
  return { expected: [], objects: new SessionObjects(), pendingStatements: new Map(), pendingPortals: new Map() }
}

/** Each costs the server memory until the session ends; drivers keep some hundreds. */
const maxNames = 5_000

/** Why the session takes no further prepared statement of this name; null: it does. */
export function refuseStatementName(state: SessionState, name: string): Denial | null {
  return refuseName('prepared statements', name, state.objects.statements, state.pendingStatements)
}

/** See {@link refuseStatementName}. */
export function refusePortalName(state: SessionState, name: string): Denial | null {
  return refuseName('portals', name, state.objects.portals, state.pendingPortals)
}

function refuseName(
  what: string,
  name: string,
  known: ReadonlyMap<string, unknown>,
  pending: ReadonlyMap<string, unknown>,
): Denial | null {
  if (known.size + pending.size < maxNames || known.has(name) || pending.has(name)) return null
  return denial('too-many-names', { object: `${what} > ${maxNames}` })
}

/** A statement's name as it will be when everything forwarded has succeeded. */
export function findStatement(state: SessionState, name: string): PreparedStatement | null {
  const pending = state.pendingStatements.get(name)
  return pending === undefined ? (state.objects.statements.get(name) ?? null) : pending
}

/** See {@link findStatement}. */
export function findPortal(state: SessionState, name: string): Portal | null {
  const pending = state.pendingPortals.get(name)
  return pending === undefined ? (state.objects.portals.get(name) ?? null) : pending
}
