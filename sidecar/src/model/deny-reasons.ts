/**
 * Every way Sallyport refuses, in one table. The key is at once the Rego file (`policy/deny/<reason with _>.rego`, where
 * `by` is `policy`), the metric label, the audit field, the client's DETAIL and the heading in docs/reasons.md.
 *
 * - `by`: `policy`, decided by a guardrail in Rego; `session`, raised where the wire or a resource forbids it; `author`,
 *   decided by an AccessPolicy or ClusterAccessPolicy.
 * - `sqlstate`: PostgreSQL, Appendix A. Class 08, 57P0x and 40 are avoided on errors that leave the session alive,
 *   because drivers reconnect or retry on them.
 */
export interface DenyReasonRow {
  readonly by: 'policy' | 'session' | 'author'
  readonly sqlstate: string
  /** One sentence, ERROR field M. */
  readonly message: string
  /** The nearest allowed form or how to ask, field H. */
  readonly hint: string
}

const refused = (by: DenyReasonRow['by'], message: string, hint: string, sqlstate = '42501'): DenyReasonRow => ({
  by,
  sqlstate,
  message,
  hint,
})

export const denyReasons = {
  'no-active-grant': refused(
    'policy',
    'no active AccessGrant covers this database',
    'apply an AccessGrant for this ServiceAccount and wait for its condition Active',
    '28000',
  ),
  'uncovered-effect': refused(
    'policy',
    'no permission of the grant covers this operation on this relation',
    'ask for a permission with this operation, relation and columns',
  ),
  'schema-change': refused(
    'policy',
    'the statement changes the schema',
    'schema changes need the operations Create, Alter or Drop in the grant',
  ),
  'unbounded-write': refused(
    'policy',
    'UPDATE or DELETE without a WHERE clause that selects rows',
    'add a WHERE clause that selects the rows to change',
  ),
  'masked-column-in-predicate': refused(
    'policy',
    'a masked column is used where its value decides the result',
    'a masked column may only be selected; filter, join, sort and group on other columns',
  ),
  'masked-column-derived': refused(
    'policy',
    'a masked column is used inside an expression',
    'select the masked column by itself; it arrives masked',
  ),
  'masked-column-written': refused(
    'policy',
    'the statement writes a masked column',
    'name the columns to write and leave masked ones out',
  ),
  'denied-column': refused('policy', 'a column that never leaves the database is named', 'leave the column out'),
  'function-not-listed': refused(
    'policy',
    'the function is not on the reviewed list',
    'ask for the function in spec.functions of the grant',
  ),
  'setting-not-listed': refused(
    'policy',
    'the setting may not be changed in this session',
    'see docs/reasons.md for the settings that may be changed',
  ),
  'role-switch': refused(
    'policy',
    'the statement switches the role of the session, which ends the session',
    'the role is that of the Database; ask for a grant on a Database with another login',
  ),
  'protected-catalog': refused(
    'policy',
    'the system relation is not open to this grant',
    'catalog: Introspect opens what tools ask about schemas, nothing more',
  ),
  'transaction-mode': refused(
    'policy',
    'the transaction control asked for widens access or outlives the session',
    'use BEGIN, COMMIT, ROLLBACK and SAVEPOINT',
  ),
  'unsupported-statement': refused(
    'policy',
    'statements of this kind are not supported',
    'see docs/reasons.md for the statements that are',
  ),
  'unknown-object': refused(
    'policy',
    'the statement names something the catalog does not hold',
    'check the spelling and the schema; temporary objects are not supported',
  ),
  'unparseable-statement': refused(
    'policy',
    'the statement could not be parsed',
    'send SQL that PostgreSQL 18 parses',
    '42601',
  ),
  'policy-denied': refused('author', 'a policy refuses the statement', 'the rule is named in DETAIL; ask its owner'),
  'policy-error': refused(
    'session',
    'a policy could not be evaluated',
    'ask the owner of the policy; nothing is allowed meanwhile',
  ),
  'affected-rows-exceeded': refused(
    'session',
    'more rows were affected than the grant allows; the statement was rolled back',
    'narrow the WHERE clause or ask for a higher maxAffectedRows',
    '54000',
  ),
  'unmeasurable-write': refused(
    'policy',
    'the rows this write affects cannot be counted before it is committed',
    'write the rows with one plain INSERT, UPDATE, DELETE or MERGE',
  ),
  'row-cap-exceeded': refused(
    'session',
    'the result has more rows than the grant allows',
    'add a LIMIT or ask for a higher rowsPerStatement',
    '54000',
  ),
  'byte-cap-exceeded': refused(
    'session',
    'the result has more bytes than the grant allows',
    'select fewer columns or rows, or ask for a higher bytesPerStatement',
    '54000',
  ),
  'budget-exhausted': refused('session', 'the budget of the grant is used up', 'ask for a new grant', '53400'),
  'result-mismatch': refused(
    'session',
    'the result does not have the shape that was judged; it is withheld',
    'reconnect; the schema may have changed',
  ),
  'unknown-prepared-statement': refused(
    'session',
    'the prepared statement, portal or cursor is not known to this session',
    'prepare it in this session first',
    '26000',
  ),
  'unsupported-message': refused(
    'session',
    'the protocol message is not supported',
    'use simple or extended queries',
    '0A000',
  ),
  'statement-too-large': refused(
    'session',
    'the statement is larger than what can be judged',
    'send a shorter statement',
    '54000',
  ),
  'statement-timeout': refused(
    'session',
    'the statement ran longer than the grant allows',
    'narrow the statement',
    '57014',
  ),
  'stale-bundle': refused(
    'session',
    'the grants held here are too old to be trusted',
    'the controller is out of reach; access returns with it',
  ),
  'audit-unavailable': refused(
    'session',
    'the audit record could not be written, so the statement was not sent',
    'the spool of the sidecar is full or broken; ask the platform engineer',
  ),
  'catalog-unavailable': refused(
    'session',
    'the schema of the database could not be read',
    'retry; ask the database owner if it stays',
  ),
  'too-many-connections': refused(
    'session',
    'the grant allows no further connection',
    'close a connection first',
    '53300',
  ),
  'too-many-names': refused(
    'session',
    'the session has too many prepared statements or portals',
    'close the ones that are no longer used',
    '53400',
  ),
  'database-not-listed': refused(
    'session',
    'the Database does not offer a database of this name',
    'connect to one of Database.spec.databases',
    '3D000',
  ),
  'database-unavailable': refused('session', 'the database could not be reached', 'ask the database owner', '57P03'),
  'grant-expired': refused('session', 'the grant has expired', 'ask for a new grant', '57P01'),
  'grant-revoked': refused('session', 'the grant was revoked', 'ask for a new grant', '57P01'),
  'sidecar-stopped': refused(
    'session',
    'the sidecar stops, and with it the session',
    'the pod is ending; in a pod that lives on, connect again',
    '57P01',
  ),
  'protocol-violation': refused(
    'session',
    'the bytes are not the PostgreSQL protocol',
    'use a PostgreSQL driver',
    '08P01',
  ),
} as const satisfies Record<string, DenyReasonRow>

export type DenyReason = keyof typeof denyReasons
