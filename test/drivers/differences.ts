import type { Observation } from './clients/report.ts'
import type { Driver } from './drivers.ts'
import type { Way } from './targets.ts'

/** What is another thing behind the sidecar, and why; docs/drivers.md says the same for people. */
export interface Difference {
  /** Of the observation. */
  readonly name: string
  /** What the refusal of the sidecar must hold. */
  readonly says: string
  /** Absent: of every one. */
  readonly driver?: Driver['name']
  /** Absent: behind every grant. */
  readonly way?: Way
}

export const differences: readonly Difference[] = [
  { name: 'refused: LISTEN', says: 'reason=unsupported-statement' },
  { name: 'refused: UPDATE of all', says: 'reason=unbounded-write' },
  { name: 'error: unknown table', says: 'reason=unknown-object' },
  { name: 'error: unknown column', says: 'reason=unknown-object' },
  { name: 'error: syntax', says: 'reason=unparseable-statement' },
  { name: 'refused: two-phase commit', says: 'reason=transaction-mode' },
  { name: 'refused: \\db', says: 'reason=function-not-listed object=pg_catalog.pg_tablespace_location' },
  { name: 'refused: \\drds', says: 'reason=protected-catalog object=pg_catalog.pg_db_role_setting' },
  { name: 'refused: \\dconfig work_mem', says: 'reason=setting-not-listed' },
  { name: 'refused: \\dl', says: 'reason=protected-catalog object=pg_catalog.pg_largeobject_metadata' },
  // psql shows no DETAIL of what it asks for itself.
  { name: 'refused: \\sf', says: 'the function is not on the reviewed list' },
  { name: 'refused: CREATE TABLE', says: 'reason=schema-change' },
  // A table is described with current_setting($1): which setting is known only when it runs.
  { driver: 'SQLAlchemy', name: 'autoload', says: 'reason=setting-not-listed' },
  { driver: 'SQLAlchemy', name: 'reflect all', says: 'reason=setting-not-listed' },
  { driver: 'pgjdbc', name: 'refused: function call', says: 'reason=unsupported-message' },
  { driver: 'Django', name: 'refused: migrate', says: 'reason=schema-change' },
  { name: 'write and COMMIT in one', says: 'reason=unmeasurable-write', way: 'guarded' },
]

export function expectedDifference(driver: Driver['name'], way: Way, { name }: Observation): Difference | null {
  return differences.find((each) => each.name === name && (each.driver ?? driver) === driver && (each.way ?? way) === way) ?? null // prettier-ignore
}
