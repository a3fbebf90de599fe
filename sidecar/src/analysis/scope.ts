/** Names a query may use, innermost first. */

/** A value and the columns it is made from. */
export interface Value {
  /** Every column that contributes, by all its names (a view's own, the base table's, those it inherits from). */
  readonly columns: ReadonlySet<string>
  /** The one column whose value this is, unchanged; null when it is computed. */
  readonly plain: { readonly column: string; readonly type: number } | null
  /** What text and catalog tell of its type. */
  readonly type: ValueType
}

/**
 * OID of a type; `Literal`: quoted text that takes the type its place asks for; `BuiltIn`: one of pg_catalog, not known
 * which; null: may be any.
 */
export type ValueType = number | 'Literal' | 'BuiltIn' | null

export interface ScopeColumn {
  readonly name: string
  readonly value: Value
  /** Where permission is looked up: relation and column as named in the statement; null for subqueries and CTEs. */
  readonly source: { readonly relation: string; readonly column: string } | null
}

export interface ScopeEntry {
  readonly alias: string
  /** `schema.relation`, where the entry can be named so: no alias was given. */
  readonly qualified: string | null
  readonly columns: readonly ScopeColumn[]
  /** The relation behind, for system columns and permissions; null for subqueries, CTEs, functions. */
  readonly relation: string | null
  /** A query in FROM: row locks reach through it. */
  readonly isSubquery?: boolean
  /** A function's result whose columns the text does not tell: any name not found elsewhere may be this value. */
  readonly open: Value | null
}

/** What one item of FROM brings to `*`, in the server's order; `open` as in {@link ScopeEntry}. */
export type FromItem = Pick<ScopeEntry, 'columns' | 'open'>

export interface CteDefinition {
  readonly columns: readonly ScopeColumn[]
  readonly complete: boolean
}

export class Scope {
  readonly #entries: ScopeEntry[] = []
  #columns: ReadonlyMap<string, readonly ScopeColumn[]> | null = null
  /** Items of FROM in order: what `*` means. */
  readonly items: FromItem[] = []
  /** Columns merged by USING or NATURAL, found before others of the same name. */
  readonly merged = new Map<string, Value>()
  readonly ctes = new Map<string, CteDefinition>()
  readonly parent: Scope | null

  constructor(parent: Scope | null) {
    this.parent = parent
  }

  get entries(): readonly ScopeEntry[] {
    return this.#entries
  }

  enter(...entries: readonly ScopeEntry[]): void {
    for (const entry of entries) this.#entries.push(entry)
    this.#columns = null
  }

  /** From here on only `entry` is seen of what was entered from `first` on. */
  cover(first: number, entry: ScopeEntry): void {
    this.#entries.splice(first, this.#entries.length - first, entry)
    this.#columns = null
  }

  /** Columns of this level by name. */
  columns(name: string): readonly ScopeColumn[] {
    this.#columns ??= Map.groupBy(this.#entries.flatMap(({ columns }) => columns), (column) => column.name) // prettier-ignore
    return this.#columns.get(name) ?? []
  }

  cte(name: string): CteDefinition | null {
    return this.ctes.get(name) ?? this.parent?.cte(name) ?? null
  }
}

const noColumns: ReadonlySet<string> = new Set()

/** A value no column contributes to. */
export function constantOf(type: ValueType): Value {
  return { columns: noColumns, plain: null, type }
}

export const constant: Value = constantOf(null)

/** A value computed from others. */
export function derivedFrom(values: Iterable<Value>, type: ValueType = null): Value {
  const columns = new Set<string>()
  for (const value of values) for (const column of value.columns) columns.add(column)
  return columns.size === 0 ? constantOf(type) : { columns, plain: null, type }
}
