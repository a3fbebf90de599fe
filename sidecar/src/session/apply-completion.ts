import type { Execution } from './execution.ts'
import type { Portal, PreparedStatement } from './session-objects.ts'
import type { SessionState } from './session-state.ts'
import { setsSearchPath } from './search-path.ts'
import { unreachable } from '../model/unreachable.ts'

/**
 * The server confirmed a statement: what it means to the session takes effect here, too.
 * @returns true when the schema changed.
 */
export function applyCompletion(state: SessionState, execution: Execution): boolean {
  const { sent } = execution
  const { action } = sent.facts
  const { objects } = state
  if (setsSearchPath(sent.facts)) {
    state.searchPathTouched = true
    state.searchPathStale = true
  }
  switch (action.kind) {
    case 'Prepare':
      objects.statements.set(action.name, runnable(sent, action.name))
      break
    case 'Deallocate':
      if (action.name === null) objects.statements.clear()
      else objects.statements.delete(action.name)
      break
    case 'DeclareCursor':
      objects.portals.set(action.name, cursor(sent, action.name, action.hold))
      break
    case 'CloseCursor':
      if (action.name === null) objects.portals.clear()
      else objects.portals.delete(action.name)
      break
    case 'Discard':
      if (action.what === 'All') {
        objects.statements.clear()
        objects.portals.clear()
      }
      break
    case 'None':
    case 'Transaction':
    case 'Execute':
    case 'FetchCursor':
      break
    default:
      return unreachable(action)
  }
  return sent.facts.tags.includes('Ddl')
}

/** The statement that EXECUTE or FETCH runs: its facts without the act of naming it. */
export function runnable(sent: PreparedStatement, name: string): PreparedStatement {
  return { ...sent, name, facts: { ...sent.facts, action: { kind: 'None' } } }
}

export function cursor(sent: PreparedStatement, name: string, held: boolean): Portal {
  return { name, statement: runnable(sent, name), resultFormats: [], rowsSent: 0, described: true, held }
}
