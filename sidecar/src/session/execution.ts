import type { Denial, Permit } from '../model/decision.ts'
import type { StatementFacts } from '../model/statement-facts.ts'
import type { Masker } from '../masking/plan-masks.ts'
import type { PreparedStatement, Portal } from './session-objects.ts'

/** One statement on its way: from the intent in the audit log to its outcome. */
export interface Execution {
  /** The statement whose rows come: for EXECUTE and FETCH that of the prepared statement or cursor. */
  readonly statement: PreparedStatement
  /** What the client sent itself: differs from `statement` for EXECUTE and FETCH. */
  readonly sent: PreparedStatement
  readonly permit: Permit
  /** `seq` of the intent record. */
  readonly intent: number
  readonly startedMs: number
  /** The portal or, for FETCH, the cursor whose rows these are; null in a simple query. */
  readonly paged: Portal | null
  /** 0, 1 or n format codes, as in Bind; none in a simple query. */
  readonly resultFormats: readonly number[]
  /** Masks by position, made when the result's formats are known; null while nothing must be masked. */
  maskers: readonly (Masker | null)[] | null
  rows: number
  bytes: number
  /** Rows kept back until the number of affected rows is known; null where rows go straight on. */
  heldBack: Buffer[] | null
  /** Set when a cap or a check ended the result; the client has its error, the rest is swallowed. */
  cutOff: Denial | null
  /** Set when the statement is over: what the server said. */
  result: ExecutionResult | null
  /** Called once when `result` is set. */
  onDone: (() => void) | null
  /** The statement-timeout timer. */
  timer: NodeJS.Timeout | null
}

export type ExecutionResult =
  | { readonly kind: 'Complete'; readonly tag: string; readonly affectedRows: number | null; readonly frame: Buffer }
  | { readonly kind: 'Suspended' }
  | { readonly kind: 'Empty' }
  | { readonly kind: 'Failed'; readonly sqlstate: string }

/** The statement whose columns a result has, or null where it returns none. */
export function writes(facts: StatementFacts): boolean {
  return facts.effects.some((effect) => effect.operation !== 'Select' && effect.operation !== 'CopyOut')
}

/** More rows than this may not be affected; the statement's own tag is waited for before anything is committed. */
export function isGuarded(execution: Pick<Execution, 'permit' | 'statement'>): boolean {
  const { permit, statement } = execution
  const { affectedRows } = statement.facts
  if (affectedRows !== 'CommandTag' && affectedRows !== 'Counters') return false
  if (permit.maxAffectedRows !== null || permit.grant.limits.affectedRowsPerTransaction !== undefined) return true
  return statement.facts.outputs !== null && (permit.rowLimit !== null || permit.byteLimit !== null)
}
