import type { Denial } from '../model/decision.ts'
import { unreachable } from '../model/unreachable.ts'
import { bind, close, errorResponse, execute, flush, parse } from '../wire/postgres/encode.ts'
import type { ClientSideHooks } from './client-side-hooks.ts'
import { denial, denialResponse } from './denial-response.ts'
import { isGuarded, type Execution } from './execution.ts'
import type { OwnQuery } from './expected.ts'
import type { Segment } from './segment.ts'
import { grantName } from './session-audit.ts'
import type { SessionState } from './session-state.ts'

/**
 * Statements whose effect must be known before it is committed: without Sync nothing is, so the number of rows can be read
 * first and the statement be taken back.
 */
export class ControlledExecution {
  readonly #state: SessionState
  readonly #segment: Segment
  readonly #hooks: ClientSideHooks

  constructor(state: SessionState, segment: Segment, hooks: ClientSideHooks) {
    this.#state = state
    this.#segment = segment
    this.#hooks = hooks
  }

  /**
   * Sends Execute and Flush and waits for the end of the statement; nothing else is forwarded meanwhile but COPY data.
   * @returns false when the statement failed or was taken back; the server then skips to Sync.
   */
  async executeAndWait(execution: Execution, portalName: string): Promise<boolean> {
    if (isGuarded(execution)) execution.heldBack = []
    let wake: () => void = () => undefined
    const wait = () => new Promise<void>((resolve) => (wake = resolve))
    execution.onDone = () => wake()
    const counted = isGuarded(execution) && execution.statement.facts.affectedRows === 'Counters'
    const before = counted ? this.#countRows(() => undefined) : null
    this.#state.expected.push({ kind: 'Execute', execution })
    this.#segment.forward(execute(portalName, 0))
    const after = counted ? this.#countRows(() => wake()) : null
    this.#segment.send(flush())
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
      this.#segment.forward(frame)
    }
    return own
  }

  /** Lets COPY data through. Flush and Sync are ignored by a server in copy-in mode, so they end here. */
  async #pumpCopy(execution: Execution, step: Promise<void>): Promise<void> {
    const { messages } = this.#hooks
    while (!execution.result && !this.#state.closed) {
      const message = messages.peek()
      if (!message) {
        if (messages.ended) {
          this.#hooks.fatal(denial('protocol-violation', { object: 'end of stream in COPY' }))
          return
        }
        await messages.arrival(step)
        continue
      }
      messages.shift()
      switch (message.kind) {
        case 'CopyData':
          this.#segment.send(message.raw)
          break
        case 'CopyDone':
        case 'CopyFail':
          this.#state.copy = 'None'
          this.#segment.send(message.raw)
          this.#segment.send(flush())
          return
        case 'Flush':
        case 'Sync':
          break
        case 'Query':
        case 'Parse':
        case 'Bind':
        case 'Describe':
        case 'Execute':
        case 'Close':
        case 'FunctionCall':
        case 'Password':
        case 'Terminate':
          this.#hooks.fatal(denial('protocol-violation', { object: `${message.kind} in COPY` }))
          return
        default:
          return unreachable(message)
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
      this.#segment.poison(null)
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
}

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
