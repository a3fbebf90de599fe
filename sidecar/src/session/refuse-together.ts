import type { Denial } from '../model/decision.ts'
import { denial } from './denial-response.ts'
import { isGuarded } from './execution.ts'
import type { Runnable } from './runnable.ts'
import { mayMoveSearchPath, namesNothing } from './search-path.ts'

/** What no statement of a message does alone, but some do together. */
export function refuseTogether(runnables: readonly Runnable[], touched: boolean): Denial | null {
  if (runnables.length < 2) return null
  const controls = runnables.some(({ sent }) => sent.facts.action.kind === 'Transaction')
  const guarded = runnables.some((runnable) => isGuarded(runnable) || runnable.statement.facts.tags.includes('Copy'))
  if (controls && guarded)
    return denial('unmeasurable-write', { object: 'transaction control beside a guarded write in one message' })
  const moved = runnables.findIndex(({ sent }) => mayMoveSearchPath(sent.facts, touched))
  if (moved >= 0 && runnables.slice(moved + 1).some(({ sent }) => !namesNothing(sent.facts)))
    return denial('setting-not-listed', { object: 'search_path before other statements of the same message' })
  return null
}
