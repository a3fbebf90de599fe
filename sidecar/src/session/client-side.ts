import type { DatabaseBinding } from '@sallyport/crds'
import { AuditError, type AuditStatement } from '../model/audit-event.ts'
import type { Decision, Denial, Permit } from '../model/decision.ts'
import { unreachable } from '../model/unreachable.ts'
import { bind, close, describe, execute, flush, parse, query, sync } from '../wire/postgres/encode.ts'
import type { FrontendMessage } from '../wire/postgres/frontend.ts'
import { errorResponse } from '../wire/postgres/encode.ts'
import { denial, denialResponse } from './denial-response.ts'
import { isGuarded, writes, type Execution } from './execution.ts'
import { emptyStatement } from './empty-statement.ts'
import type { DescribeSubject, OwnQuery } from './expected.ts'
import type { MessageQueue } from './message-queue.ts'
import { SessionAudit, auditStatement, grantName } from './session-audit.ts'
import type { Lookup, Portal, PreparedStatement } from './session-objects.ts'
import { findPortal, findStatement, type DatabaseDeps, type SessionDeps, type SessionState } from './session-state.ts'
import { digestOf, type JudgedSession, type JudgedText } from './statement-judge.ts'

/** A prepared statement of this name never exists: asking for it fails, in any transaction state, and does nothing else. */
const refusedName = '__sallyport_refused__'

export interface ClientSideHooks {
  readonly messages: MessageQueue
  /** Resolves when the server has answered the segment with ReadyForQuery. */
  ready(): Promise<void>
  fatal(denied: Denial): void
  /** Starts the statement's own clock. */
  onStart(execution: Execution): void
  onDone(execution: Execution, sqlstate: string | null): void
  policyDigest(): string
}

/** A statement that may run, with what it needs to. */
interface Runnable {
  readonly sent: PreparedStatement
  readonly statement: PreparedStatement
  readonly paged: Portal | null
  readonly permit: Permit
}

type Judged =
  { readonly kind: 'Runnable'; readonly value: Runnable } | { readonly kind: 'Denied'; readonly denial: Denial }

/**
 * What the client asks, one message after the other. A segment (everything up to Sync, or one Query) is answered before the
 * next is forwarded, so that a name or a state is never taken for what it might become.
 */
export class ClientSide {
  readonly #deps: SessionDeps
  readonly #database: DatabaseDeps
  readonly #state: SessionState
  readonly #audit: SessionAudit
  readonly #hooks: ClientSideHooks
  readonly #judged: JudgedSession

  constructor(deps: SessionDeps, database: DatabaseDeps, state: SessionState, hooks: ClientSideHooks) {
    this.#deps = deps
    this.#database = database
    this.#state = state
    this.#hooks = hooks
    this.#audit = new SessionAudit(deps, state, () => hooks.policyDigest())
    this.#judged = {
      database: state.database,
      serverVersion: state.serverVersion,
      facts: () => ({
        applicationName: state.applicationName,
        transaction: state.transaction === 'I' ? 'Idle' : state.transaction === 'T' ? 'InTransaction' : 'Failed',
        statements: state.statements,
        rows: state.rows,
        bytes: state.bytes,
      }),
    }
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
      if (pending) await pending
    }
  }

  #handle(message: FrontendMessage): Promise<void> | null {
    if (this.#state.skip && message.kind !== 'Sync') return this.#skipped(message)
    switch (message.kind) {
      case 'Query':
        return this.#onQuery(message.sql)
      case 'Parse':
        return this.#onParse(message)
      case 'Bind':
        return this.#onBind(message)
      case 'Describe':
        return this.#onDescribe(message)
      case 'Execute':
        return this.#onExecute(message.portal, message.maxRows)
      case 'Close':
        return this.#onClose(message)
      case 'Flush':
        this.#send(message.raw)
        return null
      case 'Sync':
        return this.#onSync(message.raw)
      case 'FunctionCall':
        return this.#onFunctionCall()
      case 'CopyData':
      case 'CopyDone':
      case 'CopyFail':
        // "The backend ignores these when not in copy-in mode" (manual, COPY Operations).
        return null
      case 'Password':
      case 'Terminate':
        this.#hooks.fatal(denial('protocol-violation', { object: message.kind }))
        return null
      default:
        return unreachable(message)
    }
  }

  #send(frame: Buffer): void {
    this.#state.server.push(frame)
  }

  /** Messages up to Sync that the server would discard, too. What would have run is recorded as refused. */
  #skipped(message: FrontendMessage): null {
    const reason = this.#state.skip?.denial ?? denial('unknown-prepared-statement', { object: 'skipped until Sync' })
    if (message.kind === 'Execute') {
      const portal = findPortal(this.#state, message.portal)
      this.#recordDenied(portal ? auditStatement(portal.statement) : noStatement, reason)
    } else if (message.kind === 'Query') {
      this.#recordDenied({ ...noStatement, digest: digestOf(message.sql) }, reason)
    }
    return null
  }

  #recordDenied(statement: AuditStatement, denied: Denial): void {
    try {
      this.#audit.intent(statement, denied)
    } catch (cause) {
      // Nothing is forwarded, so nothing unrecorded happened; but the refusal must be on record, or the session ends.
      if (!(cause instanceof AuditError)) throw cause
      this.#deps.log.error({ err: cause }, 'a refusal could not be recorded')
      this.#hooks.fatal(denial('audit-unavailable'))
    }
  }

  // --- simple query ---------------------------------------------------------------------------------------------------

  async #onQuery(sql: Buffer): Promise<void> {
    if (await this.#closeOpenSegment()) {
      this.#skipped({ kind: 'Query', sql, raw: sql })
      return
    }
    await this.#refreshSearchPath()
    const judged = await this.#judgeText(sql, '')
    if (judged.kind === 'Refused')
      return await this.#refuseQuery(judged.denial, [{ ...noStatement, digest: digestOf(sql) }])
    const { statements } = judged
    this.#state.objects.simpleQuery()
    const runnables: Runnable[] = []
    for (const statement of statements) {
      const decided = this.#judge(statement)
      if (decided.kind === 'Denied') return await this.#refuseQuery(decided.denial, statements.map(auditStatement))
      this.#announce(decided.value)
      runnables.push(decided.value)
    }
    const refusal = refuseTogether(runnables)
    if (refusal) return await this.#refuseQuery(refusal, statements.map(auditStatement))
    const executions = await this.#begin(runnables, [])
    if (!executions) return await this.#refuseQuery(denial('audit-unavailable'), [])
    if (executions.some(needsControl)) return await this.#runControlled(executions)
    this.#state.expected.push({ kind: 'Query', executions, index: 0, failed: false, collect: null })
    this.#send(query(sql))
    for (const execution of executions) this.#hooks.onStart(execution)
    await this.#ready()
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
    for (const statement of statements) this.#recordDenied(statement, denied)
    this.#poison(denied)
    this.#sendSync()
    await this.#ready()
  }

  /**
   * Statements whose effect must be known before it is committed run through the extended protocol: without Sync nothing
   * is committed, so the tag can be read first (wire: Parse, Bind, Describe, Execute, Flush … Sync).
   */
  async #runControlled(executions: readonly Execution[]): Promise<void> {
    for (const execution of executions) {
      const { sent } = execution
      this.#state.segmentOpen = true
      this.#send(parse('', sent.sql))
      this.#state.expected.push({ kind: 'Parse', statement: { ...sent, name: '' }, hidden: true })
      const portal = unnamedPortal({ ...sent, name: '' }, [])
      this.#send(bind({ portal: '', statement: '' }))
      this.#state.expected.push({ kind: 'Bind', portal, hidden: true })
      this.#send(describe('P', ''))
      this.#state.expected.push({
        kind: 'Describe',
        subject: { kind: 'Portal', portal, execution },
        relay: 'RowDescription',
      })
      if (!(await this.#executeAndWait(execution, ''))) break
    }
    this.#state.skip = null
    this.#sendSync()
    await this.#ready()
  }

  // --- extended query -------------------------------------------------------------------------------------------------

  async #onParse(message: Extract<FrontendMessage, { kind: 'Parse' }>): Promise<void> {
    if (!this.#state.segmentOpen) await this.#refreshSearchPath()
    if (this.#state.searchPathStale) return this.#refuse(denial('catalog-unavailable', { object: 'search_path' }))
    if (message.name === refusedName) return this.#refuse(denial('unsupported-message', { object: message.name }))
    const judged = await this.#judgeText(message.sql, message.name)
    const refusal = this.#refuseParse(judged)
    if (refusal) {
      this.#recordDenied({ ...noStatement, digest: digestOf(message.sql) }, refusal)
      // A Parse that fails destroys the unnamed statement that was there.
      if (message.name === '') this.#state.objects.statements.delete('')
      return this.#refuse(refusal)
    }
    const statement = judged.kind === 'Statements' ? judged.statements[0] : undefined
    const known = statement ?? emptyStatement(message.name, this.#database.judge.context(this.#state.searchPath))
    this.#state.pendingStatements.set(message.name, known)
    this.#state.expected.push({ kind: 'Parse', statement: known, hidden: false })
    this.#forward(message.raw)
  }

  #refuseParse(judged: JudgedText): Denial | null {
    if (judged.kind === 'Refused') return judged.denial
    if (judged.statements.length > 1)
      return denial('unsupported-statement', { object: 'several statements in one Parse' })
    const [statement] = judged.statements
    if (!statement) return null
    // What runs under a name is judged when it is run; here, what the server would look at to plan it.
    const binding = this.#database.binding()
    if (!binding) return denial('no-active-grant')
    const decision = this.#database.judge.decide(statement, binding, this.#judged)
    return decision.effect === 'Deny' ? decision : null
  }

  async #onBind(message: Extract<FrontendMessage, { kind: 'Bind' }>): Promise<void> {
    const found = await this.#current(findStatement(this.#state, message.statement))
    if (found.kind === 'Refused') return this.#refuse({ ...found.denial, object: message.statement })
    const portal: Portal = { ...unnamedPortal(found.value, message.resultFormats), name: message.portal }
    this.#state.pendingPortals.set(message.portal, portal)
    this.#state.expected.push({ kind: 'Bind', portal, hidden: false })
    this.#forward(message.raw)
  }

  #onDescribe(message: Extract<FrontendMessage, { kind: 'Describe' }>): null {
    const subject = this.#describeSubject(message.target, message.name)
    if (!subject) {
      this.#refuse(denial('unknown-prepared-statement', { object: message.name }))
      return null
    }
    this.#state.expected.push({ kind: 'Describe', subject, relay: 'All' })
    this.#forward(message.raw)
    return null
  }

  #describeSubject(target: 'S' | 'P', name: string): DescribeSubject | null {
    if (target === 'S') {
      const statement = findStatement(this.#state, name)
      return statement && { kind: 'Statement', statement }
    }
    const portal = findPortal(this.#state, name)
    return portal && { kind: 'Portal', portal, execution: null }
  }

  #onClose(message: Extract<FrontendMessage, { kind: 'Close' }>): null {
    const pending = message.target === 'S' ? this.#state.pendingStatements : this.#state.pendingPortals
    pending.set(message.name, null)
    this.#state.expected.push({ kind: 'Close', target: message.target, name: message.name, hidden: false })
    this.#forward(message.raw)
    return null
  }

  async #onExecute(portalName: string, maxRows: number): Promise<void> {
    const portal = findPortal(this.#state, portalName)
    if (!portal) {
      const denied = denial('unknown-prepared-statement', { object: portalName })
      this.#recordDenied(noStatement, denied)
      return this.#refuse(denied)
    }
    const judged = this.#judge(portal.statement, portal)
    if (judged.kind === 'Denied') {
      this.#recordDenied(auditStatement(portal.statement), judged.denial)
      return this.#refuse(judged.denial)
    }
    this.#announce(judged.value)
    const executions = await this.#begin([judged.value], portal.resultFormats)
    const execution = executions?.[0]
    if (!execution) return this.#refuse(denial('audit-unavailable'))
    if (needsControl(execution)) return await this.#executeControlled(execution, portal, maxRows)
    this.#describeForMasks(execution, portal)
    this.#state.expected.push({ kind: 'Execute', execution })
    this.#forward(execute(portal.name, cappedRows(execution, maxRows)))
    this.#hooks.onStart(execution)
  }

  async #executeControlled(execution: Execution, portal: Portal, maxRows: number): Promise<void> {
    if (maxRows > 0 && execution.statement.facts.outputs !== null) {
      const denied = denial('unmeasurable-write', { object: 'RETURNING read in pages' })
      this.#hooks.onDone(execution, '42501')
      return this.#refuse(denied)
    }
    this.#describeForMasks(execution, portal)
    await this.#executeAndWait(execution, portal.name)
  }

  /** Clients that know a result already do not ask for its description; masks are held against it all the same. */
  #describeForMasks(execution: Execution, portal: Portal): void {
    if (execution.permit.masks.length === 0) return
    this.#send(describe('P', portal.name))
    this.#state.expected.push({ kind: 'Describe', subject: { kind: 'Portal', portal, execution }, relay: 'Nothing' })
  }

  /**
   * Sends Execute and Flush and waits for the end of the statement; nothing else is forwarded meanwhile but COPY data.
   * @returns false when the statement failed or was taken back; the server then skips to Sync.
   */
  async #executeAndWait(execution: Execution, portalName: string): Promise<boolean> {
    if (isGuarded(execution)) execution.heldBack = []
    let wake: () => void = () => undefined
    const wait = () => new Promise<void>((resolve) => (wake = resolve))
    execution.onDone = () => wake()
    const counted = isGuarded(execution) && execution.statement.facts.affectedRows === 'Counters'
    const before = counted ? this.#countRows(() => undefined) : null
    this.#state.expected.push({ kind: 'Execute', execution })
    this.#forward(execute(portalName, 0))
    const after = counted ? this.#countRows(() => wake()) : null
    this.#send(flush())
    this.#hooks.onStart(execution)
    const isOver = (): boolean => execution.result !== null && after?.state !== 'Pending'
    // `onDone` also tells of CopyInResponse: then the client's data is let through.
    let step = wait()
    while (!isOver() && !this.#state.closed) {
      if (this.#state.copy === 'In') await this.#pumpCopy(execution, step)
      else await step
      step = isOver() ? step : wait()
    }
    if (this.#state.closed) return false
    if (execution.result?.kind === 'Complete' && after?.state === 'Failed') {
      // The server has the error and rolls back; the client was told by it.
      execution.heldBack = null
      this.#hooks.onDone(execution, '42501')
      return false
    }
    return this.#settle(execution, before && after ? countedRows(before, after) : tagRows(execution))
  }

  /**
   * Asks the server how many rows this transaction has written so far, cascades and nested writes included (manual,
   * "The Cumulative Statistics System": pg_stat_xact counters). Part of the same segment, so the answer is of the same
   * transaction.
   */
  #countRows(onEnd: () => void): OwnQuery {
    const own: OwnQuery = { rows: [], state: 'Pending', onEnd }
    const frames = [
      parse(ownName, writtenRowsQuery),
      bind({ portal: ownName, statement: ownName }),
      execute(ownName, 0),
      close('P', ownName),
      close('S', ownName),
    ]
    for (const [index, frame] of frames.entries()) {
      this.#state.expected.push({ kind: 'Own', own, isLast: index === frames.length - 1 })
      this.#forward(frame)
    }
    return own
  }

  /** Lets COPY data through. Flush and Sync are ignored by a server in copy-in mode, so they end here. */
  async #pumpCopy(execution: Execution, step: Promise<void>): Promise<void> {
    const { messages } = this.#hooks
    while (!execution.result && !this.#state.closed) {
      const message = messages.peek()
      if (!message) {
        if (messages.ended) return this.#hooks.fatal(denial('protocol-violation', { object: 'end of stream in COPY' }))
        await messages.arrival(step)
        continue
      }
      messages.shift()
      switch (message.kind) {
        case 'CopyData':
          this.#send(message.raw)
          break
        case 'CopyDone':
        case 'CopyFail':
          this.#state.copy = 'None'
          this.#send(message.raw)
          this.#send(flush())
          return
        case 'Flush':
        case 'Sync':
          break
        default:
          return this.#hooks.fatal(denial('protocol-violation', { object: `${message.kind} in COPY` }))
      }
    }
  }

  /** The statement is over and nothing is committed: lets the result go on, or takes everything back. */
  #settle(execution: Execution, affected: number | null): boolean {
    const { result, heldBack } = execution
    execution.heldBack = null
    if (result?.kind === 'Failed') {
      // Stopped by us while its rows were held back: the client has no error yet, the server has.
      if (heldBack && execution.cutOff) this.#state.client.push(errorResponse(denialResponse(execution.cutOff)))
      return false
    }
    if (!heldBack) return true
    const refusal = execution.cutOff ?? this.#overLimit(execution, affected)
    if (refusal) {
      const named = { ...refusal, grant: grantName(execution.permit.grant) }
      this.#state.client.push(errorResponse(denialResponse(named)))
      this.#state.swallowing = true
      this.#state.skip = { denial: named }
      this.#poison(null)
      this.#hooks.onDone({ ...execution, cutOff: named }, '54000')
      return false
    }
    for (const row of heldBack) this.#state.client.push(row)
    if (result?.kind === 'Complete') {
      this.#state.affectedInTransaction += affected ?? 0
      this.#state.client.push(result.frame)
    }
    this.#hooks.onDone(execution, null)
    return true
  }

  #overLimit(execution: Execution, affected: number | null): Denial | null {
    const { permit, result } = execution
    if (result?.kind !== 'Complete') return denial('unmeasurable-write', { object: 'no command tag' })
    if (affected === null) return denial('unmeasurable-write', { object: result.tag })
    // A limit that many small statements of one transaction get around would be none.
    const inTransaction = permit.grant.limits.affectedRowsPerTransaction ?? permit.maxAffectedRows
    if (permit.maxAffectedRows !== null && affected > permit.maxAffectedRows)
      return denial('affected-rows-exceeded', { object: `rows ${affected} > ${permit.maxAffectedRows}` })
    const total = this.#state.affectedInTransaction + affected
    if (inTransaction !== null && total > inTransaction)
      return denial('affected-rows-exceeded', { object: `rows in transaction ${total} > ${inTransaction}` })
    return null
  }

  async #onSync(raw: Buffer): Promise<void> {
    this.#state.skip = null
    this.#state.expected.push({ kind: 'Sync', hidden: false })
    this.#send(raw)
    await this.#ready()
  }

  /** FunctionCall bypasses SQL altogether. Like a Query it answers with ReadyForQuery. */
  async #onFunctionCall(): Promise<void> {
    const denied = denial('unsupported-message', { object: 'FunctionCall' })
    this.#recordDenied(noStatement, denied)
    this.#poison(denied)
    this.#sendSync()
    await this.#ready()
  }

  // --- judging --------------------------------------------------------------------------------------------------------

  async #judgeText(sql: Buffer, name: string): Promise<JudgedText> {
    const endTimer = this.#deps.metrics.decisionSeconds.startTimer()
    const { judge, catalogs } = this.#database
    let judged = await judge.analyze(sql, name, this.#state.database, this.#state.searchPath)
    if (isUnknown(judged) && (await catalogs.refreshForUnknownName().catch(() => false)))
      judged = await judge.analyze(sql, name, this.#state.database, this.#state.searchPath)
    endTimer()
    return judged
  }

  /** Facts made against an older catalog or another search path are made again: the server plans anew, too. */
  async #current(statement: PreparedStatement | null): Promise<Lookup<PreparedStatement>> {
    if (!statement) return { kind: 'Refused', denial: denial('unknown-prepared-statement') }
    if (statement.context === this.#database.judge.context(this.#state.searchPath))
      return { kind: 'Found', value: statement }
    const judged = await this.#judgeText(statement.sql, statement.name)
    if (judged.kind === 'Refused') return judged
    const [again] = judged.statements
    return again ? { kind: 'Found', value: again } : { kind: 'Found', value: statement }
  }

  /** The decision on a statement, with EXECUTE and FETCH followed to what they run. */
  #judge(sent: PreparedStatement, portal: Portal | null = null): Judged {
    const binding = this.#database.binding()
    if (!binding) return { kind: 'Denied', denial: denial('no-active-grant') }
    const own = this.#decide(sent, binding)
    if (own.effect === 'Deny') return { kind: 'Denied', denial: own }
    const { action } = sent.facts
    if (action.kind === 'Execute') {
      const named = findStatement(this.#state, action.name)
      if (!named) return { kind: 'Denied', denial: denial('unknown-prepared-statement', { object: action.name }) }
      return this.#runs(sent, named, portal, binding)
    }
    if (action.kind === 'FetchCursor') {
      const cursor = findPortal(this.#state, action.name)
      if (!cursor) return { kind: 'Denied', denial: denial('unknown-prepared-statement', { object: action.name }) }
      return this.#runs(sent, cursor.statement, cursor, binding)
    }
    return { kind: 'Runnable', value: { sent, statement: sent, paged: portal, permit: own } }
  }

  #runs(sent: PreparedStatement, statement: PreparedStatement, paged: Portal | null, binding: DatabaseBinding): Judged {
    const decision = this.#decide(statement, binding)
    if (decision.effect === 'Deny') return { kind: 'Denied', denial: decision }
    return { kind: 'Runnable', value: { sent, statement, paged, permit: decision } }
  }

  #decide(statement: PreparedStatement, binding: DatabaseBinding): Decision {
    return this.#database.judge.decide(statement, binding, this.#judged)
  }

  /** Writes the intents. @returns null when they cannot be written: then nothing may be forwarded. */
  async #begin(runnables: readonly Runnable[], resultFormats: readonly number[]): Promise<Execution[] | null> {
    const durability = this.#database.binding()?.audit.durability ?? 'Process'
    try {
      const executions = runnables.map((runnable) => this.#newExecution(runnable, resultFormats))
      const last = executions.at(-1)
      if (durability !== 'Process' && last) await this.#deps.audit.settled(last.intent, durability)
      this.#state.statements += executions.length
      return executions
    } catch (cause) {
      this.#deps.log.error({ err: cause }, 'an intent could not be recorded; the statement was not sent')
      return null
    }
  }

  #newExecution({ sent, statement, paged, permit }: Runnable, resultFormats: readonly number[]): Execution {
    return {
      statement,
      sent,
      permit,
      intent: this.#audit.intent(auditStatement(statement), permit),
      startedMs: this.#deps.clock.monotonic(),
      paged,
      resultFormats,
      maskers: null,
      rows: 0,
      bytes: 0,
      heldBack: null,
      cutOff: null,
      result: null,
      onDone: null,
      timer: null,
    }
  }

  // --- the segment ----------------------------------------------------------------------------------------------------

  #forward(frame: Buffer): void {
    this.#state.segmentOpen = true
    this.#send(frame)
  }

  /** Sends what must fail in place of what was refused; the server's error becomes the denial. */
  #poison(denied: Denial | null): void {
    // Whoever tries another identity gets no second try in the same session.
    if (denied?.reason === 'role-switch') {
      this.#hooks.fatal(denied)
      return
    }
    this.#state.expected.push({ kind: 'Refusal', denial: denied })
    this.#forward(describe('S', refusedName))
  }

  #refuse(denied: Denial): void {
    this.#poison(denied)
    this.#state.skip = { denial: denied }
  }

  #sendSync(): void {
    this.#state.expected.push({ kind: 'Sync', hidden: false })
    this.#send(sync())
  }

  async #ready(): Promise<void> {
    await this.#hooks.ready()
    this.#state.segmentOpen = false
    if (!this.#state.poisonDue || this.#state.closed) return
    this.#state.poisonDue = false
    this.#poison(null)
    this.#sendSync()
    await this.#hooks.ready()
    this.#state.segmentOpen = false
  }

  /**
   * A Query ends an open segment as Sync does, but answers for itself: what came before must be known first.
   * @returns true when the segment had failed: the server would have discarded the Query and all up to Sync.
   */
  async #closeOpenSegment(): Promise<boolean> {
    if (!this.#state.segmentOpen) return false
    this.#state.segmentFailed = false
    this.#state.expected.push({ kind: 'Sync', hidden: true })
    this.#send(sync())
    await this.#hooks.ready()
    this.#state.segmentOpen = false
    if (this.#state.segmentFailed) this.#state.skip = { denial: null }
    return this.#state.segmentFailed
  }

  async #refreshSearchPath(): Promise<void> {
    const { searchPathStale, transaction, segmentOpen, closed } = this.#state
    if (!searchPathStale || transaction === 'E' || segmentOpen || closed) return
    const rows: (readonly (string | null)[])[] = []
    let failed = false
    this.#state.expected.push({
      kind: 'Query',
      executions: [],
      index: 0,
      failed: false,
      collect: { rows, done: (value) => (failed = value) },
    })
    this.#send(query(searchPathQuery))
    await this.#hooks.ready()
    if (failed) return
    this.#state.searchPath = rows.flatMap(([name]) => (typeof name === 'string' ? [name] : []))
    this.#state.searchPathStale = false
  }
}

/** Schemas that exist and may be used, in order; temporary and implicit ones left out. */
export const searchPathQuery = 'SELECT pg_catalog.unnest(pg_catalog.current_schemas(false))'

const noStatement: AuditStatement = { digest: digestOf(Buffer.alloc(0)), fingerprint: '', text: '', effects: [] }

const ownName = '__sallyport_count__'

/** `track_counts`, and rows written to tables of this database by this transaction. */
const writtenRowsQuery = `SELECT pg_catalog.current_setting('track_counts'), pg_catalog.sum(
  pg_catalog.pg_stat_get_xact_tuples_inserted(c.oid) OPERATOR(pg_catalog.+)
  pg_catalog.pg_stat_get_xact_tuples_updated(c.oid) OPERATOR(pg_catalog.+)
  pg_catalog.pg_stat_get_xact_tuples_deleted(c.oid))
  FROM pg_catalog.pg_class c WHERE c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p', 'm']::pg_catalog."char"[])`

function tagRows({ result }: Execution): number | null {
  return result?.kind === 'Complete' ? result.affectedRows : null
}

/** Null where the server does not count. */
function countedRows(before: OwnQuery, after: OwnQuery): number | null {
  const [first, last] = [before.rows[0], after.rows[0]]
  return first?.[0] === 'on' && last?.[0] === 'on' ? Number(last[1]) - Number(first[1]) : null
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

/** What no statement of a message does alone, but some do together. */
function refuseTogether(runnables: readonly Runnable[]): Denial | null {
  if (runnables.length < 2) return null
  const controls = runnables.some(({ sent }) => sent.facts.action.kind === 'Transaction')
  const guarded = runnables.some((runnable) => isGuarded(runnable) || runnable.statement.facts.tags.includes('Copy'))
  if (controls && guarded)
    return denial('unmeasurable-write', { object: 'transaction control beside a guarded write in one message' })
  const path = runnables.findIndex(({ sent }) =>
    sent.facts.settings.some(({ name }) => name === 'search_path' || name === 'all'),
  )
  if (path >= 0 && path < runnables.length - 1)
    return denial('setting-not-listed', { object: 'search_path before other statements of the same message' })
  return null
}

function isUnknown(judged: JudgedText): boolean {
  if (judged.kind === 'Refused') return judged.denial.reason === 'unknown-object'
  return judged.statements.some(({ facts }) => facts.problems.some(({ reason }) => reason === 'unknown-object'))
}
