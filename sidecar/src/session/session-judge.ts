import type { DatabaseBinding } from '@sallyport/crds'
import { AuditError, type AuditStatement } from '../model/audit-event.ts'
import type { Decision, Denial } from '../model/decision.ts'
import { after, type Eventually } from './after.ts'
import type { SessionAction } from '../model/statement-facts.ts'
import type { ClientSideHooks } from './client-side-hooks.ts'
import { runnable } from './apply-completion.ts'
import { denial } from './denial-response.ts'
import type { Execution } from './execution.ts'
import type { Judged, Runnable } from './runnable.ts'
import { isResolvedWhenRun } from './search-path.ts'
import type { SessionAudit } from './session-audit.ts'
import type { Lookup, Portal, PreparedStatement } from './session-objects.ts'
import {
  findPortal,
  findStatement,
  refusePortalName,
  refuseStatementName,
  type DatabaseDeps,
  type SessionDeps,
  type SessionState,
} from './session-state.ts'
import { digestOf, type JudgedSession, type JudgedText } from './statement-judge.ts'

/** Judges what one session asks, and records it before anything is forwarded. */
export class SessionJudge {
  readonly #deps: SessionDeps
  readonly #database: DatabaseDeps
  readonly #state: SessionState
  readonly #audit: SessionAudit
  readonly #hooks: Pick<ClientSideHooks, 'fatal'>
  readonly #judged: JudgedSession

  constructor(
    deps: SessionDeps,
    database: DatabaseDeps,
    state: SessionState,
    audit: SessionAudit,
    hooks: Pick<ClientSideHooks, 'fatal'>,
  ) {
    this.#deps = deps
    this.#database = database
    this.#state = state
    this.#audit = audit
    this.#hooks = hooks
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

  recordDenied(statement: AuditStatement, denied: Denial): void {
    try {
      this.#audit.denied(statement, denied)
    } catch (cause) {
      // Nothing is forwarded, so nothing unrecorded happened; but the refusal must be on record, or the session ends.
      if (!(cause instanceof AuditError)) throw cause
      this.#deps.log.error({ err: cause }, 'a refusal could not be recorded')
      this.#hooks.fatal(denial('audit-unavailable'))
    }
  }

  judgeText(sql: Buffer, name: string): Eventually<JudgedText> {
    const startedMs = this.#deps.clock.monotonic()
    return after(this.#analyze(sql, name), (first) =>
      after(isUnknown(first) ? this.#analyzeAnew(sql, name, first) : first, (judged) => {
        this.#deps.metrics.decisionSeconds.observe((this.#deps.clock.monotonic() - startedMs) / 1000)
        return judged
      }),
    )
  }

  #analyze(sql: Buffer, name: string): Eventually<JudgedText> {
    return this.#database.judge.analyze(sql, name, this.#state.database, this.#state.searchPath)
  }

  /** What is unknown may have been made since the catalog was read. */
  async #analyzeAnew(sql: Buffer, name: string, first: JudgedText): Promise<JudgedText> {
    const isNewer = await this.#database.catalogs.refreshForUnknownName().catch(() => false)
    return isNewer ? this.#analyze(sql, name) : first
  }

  /** Facts made against an older catalog or another search path are made again: the server plans anew, too. */
  current(statement: PreparedStatement | null): Eventually<Lookup<PreparedStatement>> {
    if (!statement) return { kind: 'Refused', denial: denial('unknown-prepared-statement') }
    if (statement.context === this.#database.judge.context(this.#state.searchPath))
      return { kind: 'Found', value: statement }
    return after(this.judgeText(statement.sql, statement.name), (judged) =>
      judged.kind === 'Refused' ? judged : { kind: 'Found', value: judged.statements[0] ?? statement },
    )
  }

  /** A bound statement as it means when it runs: names that Bind does not look up are looked up then. */
  whenRun(statement: PreparedStatement): Eventually<Lookup<PreparedStatement>> {
    if (!isResolvedWhenRun(statement.facts)) return { kind: 'Found', value: statement }
    return after(this.refreshNamed({ kind: 'Statements', statements: [statement] }), () => this.current(statement))
  }

  /** What EXECUTE runs is planned anew when path or schema have changed: its facts are made anew, too. */
  refreshNamed(judged: JudgedText): Eventually<void> {
    if (judged.kind === 'Refused') return undefined
    const { statements } = this.#state.objects
    return judged.statements.reduce<Eventually<void>>((before, { facts: { action } }) => {
      const named = action.kind === 'Execute' ? statements.get(action.name) : undefined
      if (!named) return before
      return after(before, () =>
        after(this.current(named), (found) => {
          if (found.kind === 'Found') statements.set(named.name, runnable(found.value, named.name))
          else statements.delete(named.name)
        }),
      )
    }, undefined)
  }

  /** The decision on a statement, with EXECUTE and FETCH followed to what they run. */
  judge(sent: PreparedStatement, portal: Portal | null = null): Judged {
    const binding = this.#database.binding()
    if (!binding) return { kind: 'Denied', denial: denial('no-active-grant') }
    const own = this.decide(sent, binding)
    if (own.effect === 'Deny') return { kind: 'Denied', denial: own }
    const { action } = sent.facts
    const full = this.#refuseName(action)
    if (full) return { kind: 'Denied', denial: full }
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

  #refuseName(action: SessionAction): Denial | null {
    if (action.kind === 'Prepare') return refuseStatementName(this.#state, action.name)
    return action.kind === 'DeclareCursor' ? refusePortalName(this.#state, action.name) : null
  }

  #runs(sent: PreparedStatement, statement: PreparedStatement, paged: Portal | null, binding: DatabaseBinding): Judged {
    const decision = this.decide(statement, binding)
    if (decision.effect === 'Deny') return { kind: 'Denied', denial: decision }
    return { kind: 'Runnable', value: { sent, statement, paged, permit: decision } }
  }

  decide(statement: PreparedStatement, binding: DatabaseBinding): Decision {
    return this.#database.judge.decide(statement, binding, this.#judged)
  }

  /** Writes the intents. @returns null when they cannot be written: then nothing may be forwarded. */
  begin(runnables: readonly Runnable[], resultFormats: readonly number[]): Eventually<readonly Execution[] | null> {
    const durability = this.#database.binding()?.audit.durability ?? 'Process'
    try {
      const executions = runnables.map((runnable) => this.#newExecution(runnable, resultFormats))
      const last = executions.at(-1)
      this.#state.statements += executions.length
      if (durability === 'Process' || !last) return executions
      return this.#deps.audit.settled(last.intent, durability).then(
        () => executions,
        (cause: unknown) => this.#notBegun(cause),
      )
    } catch (cause) {
      return this.#notBegun(cause)
    }
  }

  #notBegun(cause: unknown): null {
    this.#deps.log.error({ err: cause }, 'an intent could not be recorded; the statement was not sent')
    return null
  }

  #newExecution({ sent, statement, paged, permit }: Runnable, resultFormats: readonly number[]): Execution {
    return {
      statement,
      sent,
      permit,
      intent: this.#audit.intent(statement, permit),
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
}

export const noStatement: AuditStatement = { digest: digestOf(Buffer.alloc(0)), fingerprint: '', text: '', effects: [] }

function isUnknown(judged: JudgedText): boolean {
  if (judged.kind === 'Refused') return judged.denial.reason === 'unknown-object'
  return judged.statements.some(({ facts }) => facts.problems.some(({ reason }) => reason === 'unknown-object'))
}
