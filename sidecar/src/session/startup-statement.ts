import type { SettingChange } from '../model/statement-facts.ts'
import { emptyStatement } from './empty-statement.ts'
import type { PreparedStatement } from './session-objects.ts'

/** Settings of a start-up packet as a statement, so that they are judged as SET is. */
export function startupStatement(settings: readonly SettingChange[]): PreparedStatement {
  const empty = emptyStatement('', 'startup')
  return { ...empty, facts: { ...empty.facts, kind: 'StartupMessage', settings } }
}
