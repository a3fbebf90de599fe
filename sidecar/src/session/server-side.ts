import type { Catalog } from '../analysis/load-catalog.ts'
import { planMask, type Masker } from '../masking/plan-masks.ts'
import { maskDataRows } from '../masking/mask-row.ts'
import type { Denial } from '../model/decision.ts'
import {
  affectedRows,
  backendTag,
  dataRowColumnCount,
  parseCommandTag,
  parseErrorFields,
  parseParameterStatus,
  parseReadyForQuery,
  parseRowDescription,
} from '../wire/postgres/backend.ts'
import { errorResponse } from '../wire/postgres/encode.ts'
import { formatOf } from '../wire/postgres/format-of.ts'
import type { Runs } from '../wire/postgres/frame-splitter.ts'
import { denial, denialResponse } from './denial-response.ts'
import { applyCompletion } from './apply-completion.ts'
import type { Execution, ExecutionResult } from './execution.ts'
import { endOwn, type Expected } from './expected.ts'
import { eachFrame, maxHeldBytes, passLarge, passRows } from './pass-rows.ts'
import { scrubbed } from './scrub-fields.ts'
import type { SessionState } from './session-state.ts'
import { readTextRow } from './upstream-query.ts'

export interface ServerSideHooks {
  /** The segment was answered; the client may go on. */
  onReady(): void
  /** A statement is over. */
  onDone(execution: Execution, sqlstate: string | null): void
  /** The server must stop what it runs. */
  cancel(): void
  /** The session cannot go on. */
  fatal(denied: Denial): void
  /** Key of the Database's Hash masks. */
  hashKey(): Buffer
  /** The Database classifies this column. */
  sensitive(column: string): boolean
  /** The Database classifies any column: texts of errors and notices could quote values. */
  isSensitive(): boolean
  catalog(): Catalog | null
  onSchemaChange(): void
}

/** The answers of the server: each is held against what is expected next, and goes on, is rewritten, or stays here. */
export class ServerSide {
  readonly #state: SessionState
  readonly #hooks: ServerSideHooks

  constructor(state: SessionState, hooks: ServerSideHooks) {
    this.#state = state
    this.#hooks = hooks
  }

  readonly onFrame = (tag: number, frame: Buffer): void => {
    switch (tag) {
      case backendTag.CommandComplete:
        return this.#onCommandComplete(frame)
      case backendTag.ReadyForQuery:
        return this.#onReadyForQuery(frame)
      case backendTag.ParseComplete:
      case backendTag.BindComplete:
      case backendTag.CloseComplete:
        return this.#onConfirmation(tag, frame)
      case backendTag.RowDescription:
        return this.#onRowDescription(frame)
      case backendTag.NoData:
      case backendTag.ParameterDescription:
        return this.#onDescription(tag, frame)
      case backendTag.ErrorResponse:
        return this.#onErrorResponse(frame)
      case backendTag.NoticeResponse:
        return this.#relay(this.#hooks.isSensitive() ? scrubbed(tag, parseErrorFields(frame)) : frame)
      case backendTag.ParameterStatus:
        return this.#onParameterStatus(frame)
      case backendTag.EmptyQueryResponse:
        return this.#finish({ kind: 'Empty' }, frame)
      case backendTag.PortalSuspended:
        return this.#finish({ kind: 'Suspended' }, frame)
      case backendTag.CopyInResponse:
        return this.#onCopyIn(frame)
      case backendTag.CopyOutResponse:
      case backendTag.CopyDone:
        return this.#relayOf(this.#execution(), frame)
      default:
        // FunctionCallResponse, CopyBothResponse, NotificationResponse and what no manual names: nothing of it was asked for.
        return this.#violation(`message ${String.fromCharCode(tag)}`)
    }
  }

  /** Rows come by the chunk: together where all of them may go on, else one by one; large ones as their bytes come. */
  readonly runs: Runs = {
    tags: [backendTag.DataRow, backendTag.CopyData],
    onRun: (tag, frames, count) => {
      const execution = this.#clientsExecution()
      if (execution && passRows(this.#state, execution, { tag, frames, count })) return
      eachFrame(frames, (frame) => {
        if (tag === backendTag.DataRow) this.#onDataRow(frame)
        else this.#onRowBytes(this.#execution(), frame, frame)
      })
    },
    onLarge: (_tag, size) => {
      const execution = this.#clientsExecution()
      return execution ? passLarge(this.#state, execution, size, (why) => this.#cutOff(execution, why)) : 'Hold'
    },
    onPart: (bytes, isLast) => {
      this.#state.client.push(bytes)
      this.#state.isInRow = !isLast
    },
  }

  #clientsExecution(): Execution | null {
    const head = this.#head()
    return head?.kind === 'Query' && head.collect ? null : this.#execution()
  }

  #head(): Expected | undefined {
    return this.#state.expected[0]
  }

  #execution(): Execution | null {
    const head = this.#head()
    if (head?.kind === 'Execute') return head.execution
    if (head?.kind === 'Query') return head.executions[head.index] ?? null
    return null
  }

  #relay(frame: Buffer): void {
    if (!this.#state.swallowing) this.#state.client.push(frame)
  }

  #relayOf(execution: Execution | null, frame: Buffer): void {
    if (!execution) return this.#violation('an answer without a statement')
    if (!execution.cutOff) this.#relay(frame)
  }

  #violation(what: string): void {
    this.#hooks.fatal(denial('result-mismatch', { object: what }))
  }

  #onDataRow(frame: Buffer): void {
    const head = this.#head()
    if (head?.kind === 'Query' && head.collect) {
      head.collect.rows.push(readTextRow(frame))
      return
    }
    if (head?.kind === 'Own') {
      head.own.rows.push(readTextRow(frame))
      return
    }
    const execution = this.#execution()
    if (!execution) return this.#violation('a row without a statement')
    if (execution.cutOff || this.#state.swallowing) return
    const { maskers } = execution
    if (!maskers && execution.permit.masks.length > 0) {
      if (!this.#planMasks(execution, dataRowColumnCount(frame), null)) return
      return this.#onDataRow(frame)
    }
    let masked: Buffer
    try {
      masked = maskers ? maskDataRows(frame, maskers) : frame
    } catch {
      return this.#cutOff(execution, denial('result-mismatch', { object: 'number of columns' }))
    }
    this.#onRowBytes(execution, frame, masked)
  }

  /** Counts one row (or CopyData message) and lets it go on, unless it is the one too many. */
  #onRowBytes(execution: Execution | null, original: Buffer, shown: Buffer): void {
    if (!execution) return this.#violation('a row without a statement')
    if (execution.cutOff || this.#state.swallowing) return
    const { permit, paged } = execution
    const earlier = paged?.rowsSent ?? 0
    if (permit.rowLimit !== null && earlier + execution.rows >= permit.rowLimit)
      return this.#cutOff(execution, denial('row-cap-exceeded', { object: `rows > ${permit.rowLimit}` }))
    if (permit.byteLimit !== null && execution.bytes + original.length > permit.byteLimit)
      return this.#cutOff(execution, denial('byte-cap-exceeded', { object: `bytes > ${permit.byteLimit}` }))
    if (execution.heldBack && execution.bytes + original.length > maxHeldBytes)
      return this.#cutOff(execution, denial('byte-cap-exceeded', { object: `rows of a write > ${maxHeldBytes}` }))
    const { uid, limits } = permit.grant
    if (limits.rowsTotal !== undefined && !this.#state.rowBudget.take(uid, limits.rowsTotal))
      return this.#cutOff(execution, denial('row-cap-exceeded', { object: `rows in total > ${limits.rowsTotal}` }))
    execution.rows++
    execution.bytes += original.length
    if (execution.heldBack) execution.heldBack.push(Buffer.from(shown))
    else this.#state.client.push(shown)
  }

  /** Ends a result in the middle: the client gets its error now, the server is stopped, the rest stays here. */
  #cutOff(execution: Execution, denied: Denial): void {
    const named = { ...denied, grant: `${execution.permit.grant.namespace}/${execution.permit.grant.name}` }
    execution.cutOff = named
    if (execution.heldBack) {
      execution.heldBack = []
    } else {
      this.#state.client.push(errorResponse(denialResponse(named)))
      this.#state.swallowing = true
      if (this.#head()?.kind === 'Execute') this.#state.skip ??= { denial: named }
    }
    this.#hooks.cancel()
  }

  #onRowDescription(frame: Buffer): void {
    const head = this.#head()
    if (head?.kind === 'Query') {
      if (head.collect) return
      const execution = head.executions[head.index]
      if (!execution) return this.#violation('a result without a statement')
      if (this.#check(execution, frame)) this.#relayOf(execution, frame)
      return
    }
    if (head?.kind !== 'Describe') return this.#violation('a RowDescription nobody asked for')
    this.#state.expected.shift()
    if (head.subject.kind === 'Portal') {
      const { execution, portal } = head.subject
      portal.described = true
      if (execution && !this.#check(execution, frame)) return
    }
    if (head.relay !== 'Nothing') this.#relay(frame)
  }

  /** Holds the server's description against the plan. A contradiction withholds the result. */
  #check(execution: Execution, frame: Buffer): boolean {
    const columns = parseRowDescription(frame)
    const { outputs } = execution.statement.facts
    const catalog = this.#hooks.catalog()
    for (const [index, column] of columns.entries()) {
      if (column.tableOid === 0) continue
      const name = catalog?.columnAt(column.tableOid, column.attribute) ?? null
      if (name === null || !this.#hooks.sensitive(name)) continue
      const origin = outputs?.[index]?.origin
      if (origin?.kind !== 'Plain' || !execution.permit.masks.some((mask) => mask.column === origin.column)) {
        this.#cutOff(execution, denial('result-mismatch', { object: name }))
        return false
      }
    }
    return this.#planMasks(
      execution,
      columns.length,
      columns.map((column) => column.format),
      columns.map((column) => column.typeModifier),
    )
  }

  /** @returns false when the result cannot be masked and was cut off. */
  #planMasks(
    execution: Execution,
    count: number,
    described: readonly number[] | null,
    typeModifiers: readonly number[] = [],
  ): boolean {
    const { outputs } = execution.statement.facts
    const masks = new Map(execution.permit.masks.map((mask) => [mask.column, mask.mask]))
    if (masks.size === 0) return true
    if (outputs?.length !== count) {
      this.#cutOff(execution, denial('result-mismatch', { object: `${count} columns` }))
      return false
    }
    const formats = described ?? outputs.map((_, index) => formatOf(execution.resultFormats, index))
    const maskers: (Masker | null)[] = []
    for (const [index, { origin }] of outputs.entries()) {
      const mask = origin.kind === 'Plain' ? masks.get(origin.column) : undefined
      if (origin.kind !== 'Plain' || mask === undefined) {
        maskers.push(null)
        continue
      }
      const typeModifier = typeModifiers[index]
      const masker = planMask({
        mask,
        typeOid: origin.type,
        format: formats[index] === 1 ? 1 : 0,
        hashKey: this.#hooks.hashKey(),
        ...(typeModifier === undefined ? {} : { typeModifier }),
      })
      if (!masker) {
        this.#cutOff(execution, denial('result-mismatch', { object: `${origin.column} cannot be masked as ${mask}` }))
        return false
      }
      maskers.push(masker)
    }
    execution.maskers = maskers
    return true
  }

  #onDescription(tag: number, frame: Buffer): void {
    const head = this.#head()
    if (head?.kind !== 'Describe') return this.#violation('a description nobody asked for')
    if (tag === backendTag.NoData) {
      this.#state.expected.shift()
      if (head.subject.kind === 'Portal') head.subject.portal.described = true
    }
    if (head.relay === 'All') this.#relay(frame)
  }

  #onConfirmation(tag: number, frame: Buffer): void {
    const head = this.#state.expected.shift()
    const { objects } = this.#state
    if (head?.kind === 'Own') return endOwn(head, 'Done')
    if (tag === backendTag.ParseComplete && head?.kind === 'Parse')
      objects.statements.set(head.statement.name, head.statement)
    else if (tag === backendTag.BindComplete && head?.kind === 'Bind')
      objects.portals.set(head.portal.name, head.portal)
    else if (tag === backendTag.CloseComplete && head?.kind === 'Close')
      (head.target === 'S' ? objects.statements : objects.portals).delete(head.name)
    else return this.#violation('a confirmation out of order')
    if (!head.hidden) this.#relay(frame)
  }

  #onCopyIn(frame: Buffer): void {
    const execution = this.#execution()
    if (!execution) return this.#violation('COPY without a statement')
    this.#state.copy = 'In'
    this.#relay(frame)
    execution.onDone?.()
  }

  #onCommandComplete(frame: Buffer): void {
    const head = this.#head()
    if (head?.kind === 'Own') {
      this.#state.expected.shift()
      return
    }
    const tag = parseCommandTag(frame)
    this.#state.copy = 'None'
    this.#finish({ kind: 'Complete', tag, affectedRows: affectedRows(tag), frame: Buffer.from(frame) }, frame)
  }

  #finish(result: ExecutionResult, frame: Buffer): void {
    const head = this.#head()
    if (head?.kind === 'Query' && (head.collect || head.executions.length === 0)) {
      if (!head.collect) this.#relay(frame)
      return
    }
    const execution = this.#execution()
    if (!execution) return this.#violation('an end without a statement')
    if (head?.kind === 'Query') head.index++
    else this.#state.expected.shift()
    execution.result = result
    if (execution.paged) execution.paged.rowsSent += execution.rows
    if (result.kind === 'Complete' && applyCompletion(this.#state, execution)) this.#hooks.onSchemaChange()
    // What is held back is released, or not, by whoever holds it.
    if (!execution.heldBack && !execution.cutOff) this.#relay(frame)
    if (!execution.heldBack) this.#hooks.onDone(execution, execution.cutOff ? '54000' : null)
    execution.onDone?.()
  }

  #onErrorResponse(frame: Buffer): void {
    const fields = parseErrorFields(frame)
    const sqlstate = fields.get('C') ?? 'XX000'
    const head = this.#head()
    this.#state.copy = 'None'
    this.#noteSeverity(fields)
    if (head?.kind === 'Refusal' && !this.#state.serverFatal) {
      if (head.denial) this.#relay(errorResponse(denialResponse(head.denial)))
      this.#state.expected.shift()
      return this.#dropToSync(sqlstate)
    }
    if (head?.kind === 'Query' && head.collect) {
      head.failed = true
      return
    }
    const execution = this.#execution()
    if (!execution?.cutOff) this.#relay(this.#hooks.isSensitive() ? scrubbed(backendTag.ErrorResponse, fields) : frame)
    if (head?.kind === 'Query') {
      head.failed = true
      for (const rest of head.executions.slice(head.index)) this.#fail(rest, sqlstate)
      return
    }
    if (head === undefined || head.kind === 'Sync') return
    this.#state.segmentFailed = true
    this.#state.expected.shift()
    if (head.kind === 'Execute') this.#fail(head.execution, sqlstate)
    if (head.kind === 'Own') endOwn(head, 'Failed')
    this.#dropToSync(sqlstate)
  }

  #noteSeverity(fields: ReadonlyMap<string, string>): void {
    if ((fields.get('V') ?? fields.get('S')) !== 'ERROR') this.#state.serverFatal = true
  }

  /** After an error in the extended protocol the server discards everything up to Sync; so does what we expect. */
  #dropToSync(sqlstate: string): void {
    const { expected } = this.#state
    for (;;) {
      const head = expected[0]
      if (head === undefined) {
        this.#state.skip ??= { denial: null }
        return
      }
      if (head.kind === 'Sync') return
      expected.shift()
      if (head.kind === 'Execute') this.#fail(head.execution, sqlstate)
      if (head.kind === 'Own') endOwn(head, 'Failed')
    }
  }

  #fail(execution: Execution, sqlstate: string): void {
    if (execution.result) return
    execution.result = { kind: 'Failed', sqlstate }
    this.#hooks.onDone(execution, execution.cutOff ? '54000' : sqlstate)
    execution.onDone?.()
  }

  #onReadyForQuery(frame: Buffer): void {
    const head = this.#state.expected.shift()
    if (head?.kind !== 'Sync' && head?.kind !== 'Query') return this.#violation('ReadyForQuery out of order')
    const { objects } = this.#state
    this.#state.transaction = parseReadyForQuery(frame)
    this.#state.pendingStatements.clear()
    this.#state.pendingPortals.clear()
    if (this.#state.transaction === 'I') {
      objects.endTransaction()
      this.#state.affectedInTransaction = 0
    }
    this.#state.copy = 'None'
    const hidden = head.kind === 'Query' ? head.collect !== null : head.hidden
    if (head.kind === 'Query') head.collect?.done(head.failed)
    if (!hidden) this.#readyForClient(frame)
    this.#hooks.onReady()
  }

  #readyForClient(frame: Buffer): void {
    const { swallowing, transaction } = this.#state
    this.#state.swallowing = false
    // The client had an error in a transaction block that the server did not have: whoever waits for this poisons it first.
    if (swallowing && transaction === 'T') {
      this.#state.poisonDue = true
      return
    }
    this.#state.client.push(frame)
  }

  #onParameterStatus(frame: Buffer): void {
    const { name, value } = parseParameterStatus(frame)
    // Both decide where one statement ends and the next begins: with another value we and the server would disagree.
    const pinned = { client_encoding: 'UTF8', standard_conforming_strings: 'on' }[name]
    if (pinned !== undefined && value !== pinned) return this.#violation(`${name}=${value}`)
    if (name === 'application_name') this.#state.applicationName = value
    this.#state.client.push(frame)
  }
}
