/**
 * What one SQL statement does, as far as its text and the catalog tell. Made by `analysis`, read by `decision` (it is
 * `input.statement` of every policy) and by `session`. Names are resolved: `schema.relation`, `schema.relation.column`,
 * `schema.function`, unquoted, exactly as the server spells them.
 */
import type { Operation } from '@sallyport/crds'
import type { DenyReason } from './deny-reasons.ts'

export interface Effect {
  readonly operation: Operation
  /** `schema.relation`; for what has no relation (a function call, a schema) the object's name. */
  readonly relation: string
  /** Columns read (Select) or written, sorted; empty where the statement names none (`count(*)`, DELETE). */
  readonly columns: readonly string[]
  /** What the WHERE clause of an Update, Delete or Select selects. `Tautology`: provably every row. */
  readonly where: 'None' | 'Tautology' | 'Filtered'
}

export interface FunctionUse {
  /** `schema.name`. */
  readonly name: string
  /** On the reviewed list: pure, no I/O, no unbounded generator. */
  readonly listed: boolean
  readonly volatility: 'Immutable' | 'Stable' | 'Volatile' | 'Unknown'
}

/** A trigger that a write of the statement sets off, its own or that of a table its foreign keys change. */
export interface TriggerUse {
  /** `schema.relation` it is on. */
  readonly relation: string
  readonly name: string
  /** `schema.name` of what it runs. */
  readonly function: string
}

export interface SettingChange {
  /** Canonical lower-case name; `all` for RESET ALL. */
  readonly name: string
  /** The literal value; null for RESET or DEFAULT, and where it is no literal (`opaque`). */
  readonly value: string | null
  readonly opaque: boolean
}

/** Where a value of the result comes from. */
export type Origin =
  /** The value of one column, unchanged. */
  | { readonly kind: 'Plain'; readonly column: string; /** OID of the column's type */ readonly type: number }
  /** Computed from these columns; empty for constants. */
  | { readonly kind: 'Derived'; readonly columns: readonly string[] }

export interface OutputColumn {
  readonly name: string
  readonly origin: Origin
}

/** Something the analysis found that a policy must refuse. */
export interface Problem {
  readonly reason: DenyReason
  /** What it is about: a relation, a node type, a byte offset. Never a literal of the statement. */
  readonly object: string
}

/** What the statement means to the session that runs it. */
export type SessionAction =
  | { readonly kind: 'None' }
  | { readonly kind: 'Transaction'; readonly verb: TransactionVerb; readonly name?: string }
  /** SQL PREPARE: the facts around it are those of the prepared statement. */
  | { readonly kind: 'Prepare'; readonly name: string }
  /** SQL EXECUTE: the session knows the facts. */
  | { readonly kind: 'Execute'; readonly name: string }
  /** Null: all. */
  | { readonly kind: 'Deallocate'; readonly name: string | null }
  /** DECLARE CURSOR: the facts around it are those of the cursor's query. */
  | { readonly kind: 'DeclareCursor'; readonly name: string; readonly hold: boolean }
  | { readonly kind: 'FetchCursor'; readonly name: string }
  | { readonly kind: 'CloseCursor'; readonly name: string | null }
  | { readonly kind: 'Discard'; readonly what: 'All' | 'Plans' | 'Sequences' | 'Temp' }

export type TransactionVerb =
  'Begin' | 'Commit' | 'Rollback' | 'Savepoint' | 'Release' | 'RollbackTo' | 'PrepareTransaction'

export interface StatementFacts {
  /** The parser's node, e.g. `SelectStmt`. */
  readonly kind: string
  /** The part of the message that is this statement, byte offsets, end exclusive. */
  readonly span: { readonly start: number; readonly end: number }
  /** Most dangerous first. */
  readonly effects: readonly Effect[]
  readonly functions: readonly FunctionUse[]
  readonly triggers: readonly TriggerUse[]
  readonly settings: readonly SettingChange[]
  readonly columns: {
    /** Every column whose value the statement touches in any way. */
    readonly read: readonly string[]
    /** Used inside an expression, an aggregate, a whole-row reference: not a plain projection. */
    readonly derived: readonly string[]
    /** Decides which rows come, in what order or grouping: WHERE, JOIN, ORDER BY, GROUP BY, DISTINCT, set operations, LIMIT. */
    readonly predicate: readonly string[]
    readonly written: readonly string[]
  }
  /** What RowDescription will list, in order; null where the statement returns no rows. */
  readonly outputs: readonly OutputColumn[] | null
  /**
   * How rows affected can be known before commit: `CommandTag`, the statement is one plain INSERT, UPDATE, DELETE, MERGE
   * or COPY FROM at top level; `Counters`, more is written than the tag tells, and the server's counters of the
   * transaction tell it; `None`, it writes nothing; `Unmeasurable`, neither tells.
   */
  readonly affectedRows: 'None' | 'CommandTag' | 'Counters' | 'Unmeasurable'
  /** System relations read, `pg_catalog.pg_class`; judged by `catalog` of the grant, not by permissions. */
  readonly systemRelations: readonly {
    readonly name: string
    /** open under this profile and wider ones */ readonly profile: 'Introspect' | 'Dump' | 'Never'
  }[]
  /** Rows come from granted relations (true) or from the system catalog and constants only. */
  readonly readsData: boolean
  /** An aggregate packs many rows into one value (array_agg, string_agg, json_agg …). */
  readonly packsRows: boolean
  readonly tags: readonly StatementTag[]
  readonly action: SessionAction
  readonly problems: readonly Problem[]
  /** libpg_query's fingerprint, hex; the same for statements that differ in literals only. */
  readonly fingerprint: string
  /** The statement with every literal replaced by `$n`; safe to log. */
  readonly normalized: string
}

export type StatementTag =
  'Ddl' | 'Dynamic' | 'Locking' | 'AccessShare' | 'Explain' | 'ExplainAnalyze' | 'Copy' | 'Returning' | 'Utility'

/** What a Query or Parse message holds. */
export type AnalyzedMessage =
  | { readonly kind: 'Statements'; readonly statements: readonly StatementFacts[] }
  | { readonly kind: 'Refused'; readonly problem: Problem }
