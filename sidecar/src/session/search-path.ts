import type { StatementFacts } from '../model/statement-facts.ts'

/** The statement sets the search path, or all settings. */
export function setsSearchPath({ settings, action }: StatementFacts): boolean {
  const isAll = action.kind === 'Discard' && action.what === 'All'
  return isAll || settings.some(({ name }) => name === 'search_path' || name === 'all')
}

/**
 * Names that come after it may mean others: SET is undone by the end of its transaction or by going back to a savepoint.
 * @param touched whether the session has set the path.
 */
export function mayMoveSearchPath(facts: StatementFacts, touched: boolean): boolean {
  const { action } = facts
  const ends = action.kind === 'Transaction' && !['Begin', 'Savepoint', 'Release'].includes(action.verb)
  return setsSearchPath(facts) || (touched && ends)
}

const withoutNames = new Set(['TransactionStmt', 'VariableSetStmt', 'VariableShowStmt'])

/** Nothing in it is looked up on the path. */
export function namesNothing({ kind }: StatementFacts): boolean {
  return withoutNames.has(kind)
}

const resolvedByBind = new Set([
  'SelectStmt',
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'MergeStmt',
  'DeclareCursorStmt',
])

/** COPY, TRUNCATE, EXECUTE and all that has no plan: its names are looked up when it runs, not at Bind. */
export function isResolvedWhenRun(facts: StatementFacts): boolean {
  return !resolvedByBind.has(facts.kind)
}
