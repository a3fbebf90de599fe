import { maskDataRows } from '../masking/mask-row.ts'
import type { Masker } from '../masking/plan-masks.ts'
import { backendTag } from '../wire/postgres/backend.ts'
import type { Denial } from '../model/decision.ts'
import { denial } from './denial-response.ts'
import type { Execution } from './execution.ts'
import type { SessionState } from './session-state.ts'

/** Of a row that must be whole to be masked, and of all rows that wait until a write is known to be allowed. */
export const maxHeldBytes = 64 << 20

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
  if (!shown || !isWithinLimits(state, execution, run.frames.length, run.count)) return false
  execution.rows += run.count
  execution.bytes += run.frames.length
  state.client.push(shown)
  return true
}

/**
 * Decides on one large row before its bytes are here: to go on as they come, not to be kept at all, or to be held until
 * it can be looked at.
 */
export function passLarge(
  state: SessionState,
  execution: Execution,
  size: number,
  cutOff: (why: Denial) => void,
): 'Hold' | 'Parts' | 'Drop' {
  const { permit, maskers, heldBack } = execution
  if (execution.cutOff || state.swallowing) return 'Drop'
  const mustBeWhole = maskers !== null || permit.masks.length > 0 || heldBack !== null
  const limit = permit.byteLimit ?? Number.POSITIVE_INFINITY
  if (execution.bytes + size > limit || (mustBeWhole && size > maxHeldBytes)) {
    const object = mustBeWhole && limit >= size ? `one row > ${maxHeldBytes}` : `bytes > ${limit}`
    cutOff(denial('byte-cap-exceeded', { object }))
    return 'Drop'
  }
  if (mustBeWhole || !isWithinLimits(state, execution, size, 1)) return 'Hold'
  execution.rows += 1
  execution.bytes += size
  state.isInRow = true
  return 'Parts'
}

/** Message by message. */
export function eachFrame(frames: Buffer, visit: (frame: Buffer) => void): void {
  for (let offset = 0; offset < frames.length;) {
    const end = offset + 1 + frames.readUInt32BE(offset + 1)
    visit(frames.subarray(offset, end))
    offset = end
  }
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

function isWithinLimits({ rowBudget }: SessionState, execution: Execution, bytes: number, count: number): boolean {
  const { permit, paged } = execution
  const { uid, limits } = permit.grant
  const rows = (paged?.rowsSent ?? 0) + execution.rows + count
  if (permit.rowLimit !== null && rows > permit.rowLimit) return false
  if (permit.byteLimit !== null && execution.bytes + bytes > permit.byteLimit) return false
  return limits.rowsTotal === undefined || rowBudget.take(uid, limits.rowsTotal, count)
}
