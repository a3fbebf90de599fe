/** The schema of one database at one moment: plain data and look-ups. Nothing here ever changes. */

export type RelationKind = 'Table' | 'View' | 'MaterializedView' | 'ForeignTable' | 'Sequence' | 'Other'

export interface CatalogColumn {
  readonly name: string
  /** `pg_attribute.attnum` */
  readonly attribute: number
  readonly typeOid: number
  readonly notNull: boolean
  /** Text of the expression of a generated column, null otherwise. */
  readonly generated: string | null
}

export interface CatalogRelation {
  readonly oid: number
  readonly schema: string
  readonly name: string
  readonly kind: RelationKind
  /** In the order of `*`. */
  readonly columns: readonly CatalogColumn[]
  /** Text of the query of a view, names fully qualified; null otherwise. */
  readonly definition: string | null
  /** Tables this one inherits from or is a partition of, to the root. */
  readonly ancestors: readonly number[]
  readonly descendants: readonly number[]
  /** Rewrite rules other than a view's own. */
  readonly hasRules: boolean
}

export interface CatalogFunction {
  readonly schema: string
  readonly name: string
  /** Fewest and most arguments; `Infinity` when variadic. */
  readonly minArgs: number
  readonly maxArgs: number
  readonly volatility: 'Immutable' | 'Stable' | 'Volatile'
  readonly kind: 'Function' | 'Procedure' | 'Aggregate' | 'Window'
}

/** A foreign key whose action changes rows of the table that refers. */
export interface CascadingKey {
  /** `schema.table` referred to. */
  readonly referenced: string
  readonly referencedColumns: readonly string[]
  readonly referencing: string
  readonly onDelete: 'Delete' | 'Update' | null
  readonly onUpdate: 'Update' | null
}

export interface CatalogData {
  readonly serverVersion: string
  readonly relations: readonly CatalogRelation[]
  readonly functions: readonly CatalogFunction[]
  /** Types outside pg_catalog: `schema.name` → whether using one can run code (a domain with a CHECK, a cast by function). */
  readonly userTypes: ReadonlyMap<string, { readonly runsCode: boolean }>
  /** Operators outside pg_catalog: name → schemas and the functions behind. */
  readonly userOperators: ReadonlyMap<string, readonly { readonly schema: string; readonly function: string }[]>
  /** Names of the types of pg_catalog. */
  readonly builtInTypes: ReadonlySet<string>
  readonly schemas: ReadonlySet<string>
  readonly cascades: readonly CascadingKey[]
}

export class Catalog {
  readonly data: CatalogData
  readonly #relations = new Map<string, CatalogRelation>()
  readonly #relationsByOid = new Map<number, CatalogRelation>()
  readonly #functions = new Map<string, CatalogFunction[]>()
  readonly #views = new Map<string, unknown>()

  constructor(data: CatalogData) {
    this.data = data
    for (const relation of data.relations) {
      this.#relations.set(`${relation.schema}.${relation.name}`, relation)
      this.#relationsByOid.set(relation.oid, relation)
    }
    for (const each of data.functions) {
      const key = `${each.schema}.${each.name}`
      const known = this.#functions.get(key)
      if (known) known.push(each)
      else this.#functions.set(key, [each])
    }
  }

  /** `schema.name` → the relation. */
  relation(qualified: string): CatalogRelation | null {
    return this.#relations.get(qualified) ?? null
  }

  relationByOid(oid: number): CatalogRelation | null {
    return this.#relationsByOid.get(oid) ?? null
  }

  /** The column a RowDescription means, `schema.table.column`; null when it is not known. */
  columnAt(tableOid: number, attribute: number): string | null {
    const relation = this.#relationsByOid.get(tableOid)
    const column = relation?.columns.find((each) => each.attribute === attribute)
    return relation && column ? `${relation.schema}.${relation.name}.${column.name}` : null
  }

  functions(qualified: string): readonly CatalogFunction[] {
    return this.#functions.get(qualified) ?? []
  }

  /** What was derived from a view's definition, made once for this snapshot. */
  remember<T>(key: string, make: () => T): T {
    if (this.#views.has(key)) return this.#views.get(key) as T
    const made = make()
    this.#views.set(key, made)
    return made
  }
}
