import { maskDataRows } from '../masking/mask-row.ts'
import type { Masker } from '../masking/plan-masks.ts'
import { backendTag } from '../wire/postgres/backend.ts'
import type { Execution } from './execution.ts'
import type { SessionState } from './session-state.ts'

export interface RowRun {
  /** DataRow or CopyData. */
  readonly tag: number
  /** Whole messages, one behind the other. */
  readonly frames: Buffer
  readonly count: number
}

/**
 * Lets many rows of a result go on at once, masked where they must be, when none of them reaches a limit.
 * @returns false when they must be looked at one by one; then nothing was done.
 */
export function passRows(state: SessionState, execution: Execution, run: RowRun): boolean {
  if (execution.cutOff || execution.heldBack || state.swallowing) return false
  const shown = shownRows(execution, run)
  if (!shown || !isWithinLimits(state, execution, run)) return false
  execution.rows += run.count
  execution.bytes += run.frames.length
  state.client.push(shown)
  return true
}

/** Null where it is not known how they are masked, or they are not what was planned. */
function shownRows({ permit, maskers }: Execution, { tag, frames }: RowRun): Buffer | null {
  if (!maskers) return permit.masks.length > 0 ? null : frames
  return tag === backendTag.DataRow ? masked(frames, maskers) : frames
}

function masked(rows: Buffer, maskers: readonly (Masker | null)[]): Buffer | null {
  try {
    return maskDataRows(rows, maskers)
  } catch {
    return null
  }
}

function isWithinLimits({ rowBudget }: SessionState, execution: Execution, { frames, count }: RowRun): boolean {
  const { permit, paged } = execution
  const { uid, limits } = permit.grant
  const rows = (paged?.rowsSent ?? 0) + execution.rows + count
  if (permit.rowLimit !== null && rows > permit.rowLimit) return false
  if (permit.byteLimit !== null && execution.bytes + frames.length > permit.byteLimit) return false
  return limits.rowsTotal === undefined || rowBudget.take(uid, limits.rowsTotal, count)
}
