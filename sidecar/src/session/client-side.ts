import { declaredParameterCode } from '../analysis/declared-parameters.ts'
import type { Denial } from '../model/decision.ts'
import type { AuditStatement } from '../model/audit-event.ts'
import { unreachable } from '../model/unreachable.ts'
import { bind, describe, execute, parse, query } from '../wire/postgres/encode.ts'
import type { FrontendMessage } from '../wire/postgres/frontend.ts'
import { after, type Eventually } from './after.ts'
import type { ClientSideHooks } from './client-side-hooks.ts'
import { ControlledExecution } from './controlled-execution.ts'
import { denial } from './denial-response.ts'
import { emptyStatement } from './empty-statement.ts'
import { isGuarded, writes, type Execution } from './execution.ts'
import type { DescribeSubject } from './expected.ts'
import { refuseTogether } from './refuse-together.ts'
import type { Runnable } from './runnable.ts'
import { mayMoveSearchPath, namesNothing } from './search-path.ts'
import { refusedName, Segment } from './segment.ts'
import { auditStatement, SessionAudit } from './session-audit.ts'
import { noStatement, SessionJudge } from './session-judge.ts'
import type { Portal, PreparedStatement } from './session-objects.ts'
import {
  findPortal,
  findStatement,
  refusePortalName,
  refuseStatementName,
  type DatabaseDeps,
  type SessionDeps,
  type SessionState,
} from './session-state.ts'
import { digestOf, type JudgedText } from './statement-judge.ts'

type ParseMessage = Extract<FrontendMessage, { kind: 'Parse' }>
type ExecuteMessage = Extract<FrontendMessage, { kind: 'Execute' }>
type ExtendedMessage = Extract<FrontendMessage, { kind: 'Parse' | 'Bind' | 'Describe' | 'Execute' | 'Close' }>

const pathUnknown = denial('catalog-unavailable', { object: 'search_path' })

/**
 * What the client asks, one message after the other. A segment (everything up to Sync, or one Query) is answered before the
 * next is forwarded, so that a name or a state is never taken for what it might become.
 */
export class ClientSide {
  readonly #database: DatabaseDeps
  readonly #state: SessionState
  readonly #audit: SessionAudit
  readonly #hooks: ClientSideHooks
  readonly #segment: Segment
  readonly #judge: SessionJudge
  readonly #controlled: ControlledExecution

  constructor(deps: SessionDeps, database: DatabaseDeps, state: SessionState, hooks: ClientSideHooks) {
    this.#database = database
    this.#state = state
    this.#hooks = hooks
    this.#audit = new SessionAudit(deps, state, () => hooks.policyDigest())
    this.#segment = new Segment(state, hooks)
    this.#judge = new SessionJudge(deps, database, state, this.#audit, hooks)
    this.#controlled = new ControlledExecution(state, this.#segment, hooks)
  }

  get audit(): SessionAudit {
    return this.#audit
  }

  /** Serves the client until it leaves or the session is closed. */
  async run(): Promise<void> {
    const { messages } = this.#hooks
    for (;;) {
      if (this.#state.closed) return
      const message = messages.shift()
      if (!message) {
        if (messages.ended) return
        await messages.arrival()
        continue
      }
      if (message.kind === 'Terminate') return
      const pending = this.#handle(message)
      if (pending instanceof Promise) await pending
    }
  }

  #handle(message: FrontendMessage): Eventually<void> {
    if (this.#state.skip && message.kind !== 'Sync') return this.#skipped(message)
    switch (message.kind) {
      case 'Query':
        return this.#onQuery(message.sql)
      case 'Parse':
      case 'Bind':
      case 'Describe':
      case 'Execute':
      case 'Close':
        return after(this.#askPath(message), () => this.#onExtended(message))
      case 'Flush':
        this.#segment.send(message.raw)
        return
      case 'Sync':
        return this.#onSync(message.raw)
      case 'FunctionCall':
        return this.#onFunctionCall()
      case 'CopyData':
      case 'CopyDone':
      case 'CopyFail':
        // "The backend ignores these when not in copy-in mode" (manual, COPY Operations).
        return
      case 'Password':
      case 'Terminate':
        this.#hooks.fatal(denial('protocol-violation', { object: message.kind }))
        return
      default:
        return unreachable(message)
    }
  }

  /** Messages up to Sync that the server would discard, too. What would have run is recorded as refused. */
  #skipped(message: FrontendMessage): undefined {
    const reason = this.#state.skip?.denial ?? denial('unknown-prepared-statement', { object: 'skipped until Sync' })
    if (message.kind === 'Execute') {
      const portal = findPortal(this.#state, message.portal)
      this.#judge.recordDenied(portal ? auditStatement(portal.statement) : noStatement, reason)
    } else if (message.kind === 'Query') {
      this.#judge.recordDenied({ ...noStatement, digest: digestOf(message.sql) }, reason)
    }
  }

  // --- simple query ---------------------------------------------------------------------------------------------------

  #onQuery(sql: Buffer): Eventually<void> {
    return after(this.#segment.closeOpenSegment(), (failed) =>
      failed
        ? this.#skipped({ kind: 'Query', sql, raw: sql })
        : after(this.#judgeOnPath(sql, ''), (judged) =>
            after(this.#judge.refreshNamed(judged), () => this.#runQuery(sql, judged)),
          ),
    )
  }

  #runQuery(sql: Buffer, judged: JudgedText): Eventually<void> {
    if (judged.kind === 'Refused') return this.#refuseQuery(judged.denial, [{ ...noStatement, digest: digestOf(sql) }])
    const { statements } = judged
    this.#state.objects.simpleQuery()
    const runnables: Runnable[] = []
    for (const statement of statements) {
      const decided = this.#judge.judge(statement)
      if (decided.kind === 'Denied') return this.#refuseQuery(decided.denial, statements.map(auditStatement))
      this.#announce(decided.value)
      runnables.push(decided.value)
    }
    const unknown = statements.some((statement) => this.#isPathUnknown(statement))
    const refusal = unknown ? pathUnknown : refuseTogether(runnables, this.#state.searchPathTouched)
    if (refusal) return this.#refuseQuery(refusal, statements.map(auditStatement))
    return after(this.#judge.begin(runnables, []), (executions) => {
      if (!executions) return this.#refuseQuery(denial('audit-unavailable'), [])
      if (executions.some(needsControl)) return this.#runControlled(executions)
      this.#state.expected.push({ kind: 'Query', executions, index: 0, failed: false, collect: null })
      this.#segment.send(query(sql))
      for (const execution of executions) this.#started(execution)
      return this.#segment.ready()
    })
  }

  /** Names made earlier in a message are known to what follows in it. */
  #announce(runnable: Runnable): void {
    const { sent } = runnable
    const { action } = sent.facts
    if (action.kind === 'Prepare')
      this.#state.pendingStatements.set(action.name, {
        ...sent,
        name: action.name,
        facts: { ...sent.facts, action: { kind: 'None' } },
      })
    if (action.kind === 'DeclareCursor')
      this.#state.pendingPortals.set(action.name, {
        name: action.name,
        statement: { ...sent, facts: { ...sent.facts, action: { kind: 'None' } } },
        resultFormats: [],
        rowsSent: 0,
        described: true,
        held: action.hold,
      })
  }

  async #refuseQuery(denied: Denial, statements: readonly AuditStatement[]): Promise<void> {
    for (const statement of statements) this.#judge.recordDenied(statement, denied)
    this.#segment.poison(denied)
    this.#segment.sendSync()
    await this.#segment.ready()
  }

  /**
   * Statements whose effect must be known before it is committed run through the extended protocol: without Sync nothing
   * is committed, so the tag can be read first (wire: Parse, Bind, Describe, Execute, Flush … Sync).
   */
  async #runControlled(executions: readonly Execution[]): Promise<void> {
    for (const execution of executions) {
      const { sent } = execution
      this.#state.segmentOpen = true
      this.#segment.send(parse('', sent.sql))
      this.#state.expected.push({ kind: 'Parse', statement: { ...sent, name: '' }, hidden: true })
      const portal = unnamedPortal({ ...sent, name: '' }, [])
      this.#segment.send(bind({ portal: '', statement: '' }))
      this.#state.expected.push({ kind: 'Bind', portal, hidden: true })
      this.#segment.send(describe('P', ''))
      this.#state.expected.push({
        kind: 'Describe',
        subject: { kind: 'Portal', portal, execution },
        relay: 'RowDescription',
      })
      if (!(await this.#controlled.executeAndWait(execution, ''))) break
    }
    this.#state.skip = null
    this.#segment.sendSync()
    await this.#segment.ready()
  }

  // --- extended query -------------------------------------------------------------------------------------------------

  #onExtended(message: ExtendedMessage): Eventually<void> {
    switch (message.kind) {
      case 'Parse':
        return this.#onParse(message)
      case 'Bind':
        return this.#onBind(message)
      case 'Describe':
        return this.#onDescribe(message)
      case 'Execute':
        return this.#onExecute(message)
      case 'Close':
        return this.#onClose(message)
      default:
        return unreachable(message)
    }
  }

  /** Facts on the path as it is now. In the middle of a segment no question of ours has a place. */
  #judgeOnPath(sql: Buffer, name: string): Eventually<JudgedText> {
    const isStale = this.#state.searchPathStale
    return after(this.#judge.judgeText(sql, name), (judged) => {
      if (!isStale || (judged.kind === 'Statements' && !judged.statements.some((each) => this.#needsPath(each))))
        return judged
      return after(this.#segment.refreshSearchPath(), () => this.#judge.judgeText(sql, name))
    })
  }

  /** In a transaction the path is asked for no sooner than it must: the question is a query, and SET TRANSACTION comes before any. */
  #needsPath(statement: PreparedStatement | null): boolean {
    return this.#state.transaction === 'I' || !statement || !namesNothing(statement.facts)
  }

  /** Parse sees to it itself: it is known what it needs when it is judged. */
  #askPath(message: ExtendedMessage): Eventually<void> {
    if (!this.#state.searchPathStale || message.kind === 'Parse') return undefined
    const statement = message.kind === 'Bind' ? findStatement(this.#state, message.statement) : null
    return this.#needsPath(statement) ? (this.#segment.refreshSearchPath() ?? undefined) : undefined
  }

  #started(execution: Execution): void {
    const { facts } = execution.sent
    if (mayMoveSearchPath(facts, this.#state.searchPathTouched)) this.#state.searchPathStale = true
    this.#hooks.onStart(execution)
  }

  /** The path may have moved since it was asked for. In a failed transaction the server takes nothing that has a name in it. */
  #isPathUnknown({ facts }: PreparedStatement): boolean {
    const { searchPathStale, transaction, segmentOpen } = this.#state
    return searchPathStale && !namesNothing(facts) && (segmentOpen || transaction !== 'E')
  }

  #onParse(message: ParseMessage): Eventually<void> {
    if (message.name === refusedName)
      return this.#segment.refuse(denial('unsupported-message', { object: message.name }))
    return after(this.#judgeOnPath(message.sql, message.name), (judged) => this.#parsed(message, judged))
  }

  #parsed(message: ParseMessage, judged: JudgedText): void {
    const refusal = this.#refuseParse(judged, message.parameterTypes) ?? refuseStatementName(this.#state, message.name)
    if (refusal) {
      this.#judge.recordDenied({ ...noStatement, digest: digestOf(message.sql) }, refusal)
      // A Parse that fails destroys the unnamed statement that was there.
      if (message.name === '') this.#state.objects.statements.delete('')
      this.#segment.refuse(refusal)
      return
    }
    const statement = judged.kind === 'Statements' ? judged.statements[0] : undefined
    const known = statement ?? emptyStatement(message.name, this.#database.judge.context(this.#state.searchPath))
    this.#state.pendingStatements.set(message.name, known)
    this.#state.expected.push({ kind: 'Parse', statement: known, hidden: false })
    this.#segment.forward(message.raw)
  }

  #refuseParse(judged: JudgedText, parameterTypes: readonly number[]): Denial | null {
    if (judged.kind === 'Refused') return judged.denial
    if (judged.statements.length > 1)
      return denial('unsupported-statement', { object: 'several statements in one Parse' })
    const [statement] = judged.statements
    if (!statement) return null
    if (this.#isPathUnknown(statement)) return pathUnknown
    // What runs under a name is judged when it is run; here, what the server would look at to plan it.
    const binding = this.#database.binding()
    if (!binding) return denial('no-active-grant')
    const decision = this.#judge.decide(statement, binding)
    if (decision.effect === 'Deny') return decision
    const catalog = this.#database.catalogs.current()
    const code = parameterTypes.flatMap((oid) => (catalog ? declaredParameterCode(catalog, oid) : []))
    const unlisted = code.find((name) => !decision.grant.functions.includes(name))
    return unlisted === undefined ? null : denial('function-not-listed', { object: unlisted })
  }

  #onBind(message: Extract<FrontendMessage, { kind: 'Bind' }>): Eventually<void> {
    return after(this.#judge.current(findStatement(this.#state, message.statement)), (found) => {
      if (found.kind === 'Refused') {
        this.#segment.refuse({ ...found.denial, object: message.statement })
        return
      }
      if (this.#isPathUnknown(found.value)) return this.#segment.refuse(pathUnknown)
      const full = refusePortalName(this.#state, message.portal)
      if (full) return this.#segment.refuse(full)
      const portal: Portal = { ...unnamedPortal(found.value, message.resultFormats), name: message.portal }
      this.#state.pendingPortals.set(message.portal, portal)
      this.#state.expected.push({ kind: 'Bind', portal, hidden: false })
      this.#segment.forward(message.raw)
    })
  }

  #onDescribe(message: Extract<FrontendMessage, { kind: 'Describe' }>): void {
    const subject = this.#describeSubject(message.target, message.name)
    if (!subject) {
      this.#segment.refuse(denial('unknown-prepared-statement', { object: message.name }))
      return
    }
    this.#state.expected.push({ kind: 'Describe', subject, relay: 'All' })
    this.#segment.forward(message.raw)
  }

  #describeSubject(target: 'S' | 'P', name: string): DescribeSubject | null {
    if (target === 'S') {
      const statement = findStatement(this.#state, name)
      return statement && { kind: 'Statement', statement }
    }
    const portal = findPortal(this.#state, name)
    return portal && { kind: 'Portal', portal, execution: null }
  }

  #onClose(message: Extract<FrontendMessage, { kind: 'Close' }>): void {
    const pending = message.target === 'S' ? this.#state.pendingStatements : this.#state.pendingPortals
    pending.set(message.name, null)
    this.#state.expected.push({ kind: 'Close', target: message.target, name: message.name, hidden: false })
    this.#segment.forward(message.raw)
  }

  #onExecute({ portal: portalName, maxRows, raw }: ExecuteMessage): Eventually<void> {
    const portal = findPortal(this.#state, portalName)
    if (!portal) {
      const denied = denial('unknown-prepared-statement', { object: portalName })
      this.#judge.recordDenied(noStatement, denied)
      this.#segment.refuse(denied)
      return
    }
    if (this.#isPathUnknown(portal.statement)) return this.#refuseExecute(portal, pathUnknown)
    return after(this.#judge.whenRun(portal.statement), (found) => {
      if (found.kind === 'Refused') return this.#refuseExecute(portal, found.denial)
      const judged = this.#judge.judge(found.value, portal)
      if (judged.kind === 'Denied') return this.#refuseExecute(portal, judged.denial)
      return this.#executePortal(judged.value, portal, { maxRows, raw })
    })
  }

  #refuseExecute({ statement }: Portal, denied: Denial): void {
    this.#judge.recordDenied(auditStatement(statement), denied)
    this.#segment.refuse(denied)
  }

  #executePortal(
    runnable: Runnable,
    portal: Portal,
    { maxRows, raw }: Pick<ExecuteMessage, 'maxRows' | 'raw'>,
  ): Eventually<void> {
    this.#announce(runnable)
    return after(this.#judge.begin([runnable], portal.resultFormats), (executions) => {
      const execution = executions?.[0]
      if (!execution) return this.#segment.refuse(denial('audit-unavailable'))
      if (needsControl(execution)) return this.#executeControlled(execution, portal, maxRows)
      this.#describeForMasks(execution, portal)
      this.#state.expected.push({ kind: 'Execute', execution })
      const rows = cappedRows(execution, maxRows)
      this.#segment.forward(rows === maxRows ? raw : execute(portal.name, rows))
      this.#started(execution)
    })
  }

  async #executeControlled(execution: Execution, portal: Portal, maxRows: number): Promise<void> {
    if (maxRows > 0 && execution.statement.facts.outputs !== null) {
      const denied = denial('unmeasurable-write', { object: 'RETURNING read in pages' })
      this.#hooks.onDone(execution, '42501')
      this.#segment.refuse(denied)
      return
    }
    this.#describeForMasks(execution, portal)
    await this.#controlled.executeAndWait(execution, portal.name)
  }

  /** Clients that know a result already do not ask for its description; masks are held against it all the same. */
  #describeForMasks(execution: Execution, portal: Portal): void {
    if (execution.permit.masks.length === 0) return
    this.#segment.send(describe('P', portal.name))
    this.#state.expected.push({ kind: 'Describe', subject: { kind: 'Portal', portal, execution }, relay: 'Nothing' })
  }

  async #onSync(raw: Buffer): Promise<void> {
    this.#state.skip = null
    this.#state.expected.push({ kind: 'Sync', hidden: false })
    this.#segment.send(raw)
    await this.#segment.ready()
  }

  /** FunctionCall bypasses SQL altogether. Like a Query it answers with ReadyForQuery. */
  async #onFunctionCall(): Promise<void> {
    const denied = denial('unsupported-message', { object: 'FunctionCall' })
    this.#judge.recordDenied(noStatement, denied)
    this.#segment.poison(denied)
    this.#segment.sendSync()
    await this.#segment.ready()
  }
}

function needsControl(execution: Execution): boolean {
  return isGuarded(execution) || execution.statement.facts.effects.some((effect) => effect.operation === 'CopyIn')
}

/** One row more than may be shown tells that there is one too many, without running to the end. */
function cappedRows(execution: Execution, maxRows: number): number {
  const { rowLimit } = execution.permit
  if (rowLimit === null || writes(execution.statement.facts)) return maxRows
  const left = rowLimit - (execution.paged?.rowsSent ?? 0) + 1
  return maxRows === 0 ? Math.max(1, left) : Math.max(1, Math.min(maxRows, left))
}

function unnamedPortal(statement: PreparedStatement, resultFormats: readonly number[]): Portal {
  return { name: '', statement, resultFormats, rowsSent: 0, described: false, held: false }
}
