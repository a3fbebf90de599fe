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
  /** Enabled ones of users, not those of foreign keys. */
  readonly triggers: readonly CatalogTrigger[]
}

export interface CatalogTrigger {
  readonly name: string
  /** `schema.name` of what it runs. */
  readonly function: string
  readonly events: readonly TriggerEvent[]
  /** Of UPDATE OF; empty: any. */
  readonly columns: readonly string[]
}

export type TriggerEvent = 'Insert' | 'Update' | 'Delete' | 'Truncate'

export interface CatalogFunction {
  readonly schema: string
  readonly name: string
  /** Fewest and most arguments; `Infinity` when variadic. */
  readonly minArgs: number
  readonly maxArgs: number
  /** OIDs of the types of all arguments passed in; the last is an array's where variadic. */
  readonly argTypes: readonly number[]
  readonly returnType: number
  /** Names and types of OUT and TABLE columns; empty: none, or the type tells. */
  readonly outputs: readonly { readonly name: string; readonly type: number }[]
  readonly volatility: 'Immutable' | 'Stable' | 'Volatile'
  readonly kind: 'Function' | 'Procedure' | 'Aggregate' | 'Window'
}

/** An operator outside pg_catalog. */
export interface CatalogOperator {
  readonly schema: string
  /** OID of the type on the left; 0: a prefix operator. */
  readonly left: number
  readonly right: number
  readonly result: number
  /** `schema.name` of what it runs. */
  readonly function: string
}

/** A cast by a function outside pg_catalog. */
export interface CatalogCast {
  readonly source: number
  readonly target: number
  /** `schema.name` of what it runs. */
  readonly function: string
  readonly context: 'Explicit' | 'Assignment' | 'Implicit'
}

export interface CatalogType {
  readonly oid: number
  readonly schema: string
  readonly name: string
  readonly kind: 'Base' | 'Composite' | 'Domain' | 'Enum' | 'Pseudo' | 'Range'
  /** What a domain is over; 0 otherwise. */
  readonly base: number
  /** Of an array; 0 otherwise. */
  readonly element: number
  /** Relation that has the columns of a composite type; 0 otherwise. */
  readonly relation: number
  /** Of a range or multirange; 0 otherwise. */
  readonly subtype: number
  /** A user's own input function. */
  readonly ownInput: boolean
  /** Expressions of a domain's CHECKs, names fully qualified. */
  readonly checks: readonly string[]
}

/** A foreign key: what changes with, or blocks, the rows it refers to. */
export interface CatalogForeignKey {
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
  readonly types: readonly CatalogType[]
  /** Operators outside pg_catalog by name. */
  readonly operators: ReadonlyMap<string, readonly CatalogOperator[]>
  readonly casts: readonly CatalogCast[]
  /** `source target`, OIDs: conversions the server makes without being asked. */
  readonly implicitCasts: ReadonlySet<string>
  readonly schemas: ReadonlySet<string>
  readonly foreignKeys: readonly CatalogForeignKey[]
}

/** Objects of users have OIDs from here on (access/transam.h, FirstNormalObjectId). */
export const firstUserOid = 16_384

export class Catalog {
  readonly data: CatalogData
  readonly #relations = new Map<string, CatalogRelation>()
  readonly #relationsByOid = new Map<number, CatalogRelation>()
  readonly #functions = new Map<string, CatalogFunction[]>()
  readonly #types = new Map<number, CatalogType>()
  readonly #typesByName = new Map<string, CatalogType>()
  readonly #derived = new Map<string, unknown>()

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
    for (const type of data.types) {
      this.#types.set(type.oid, type)
      this.#typesByName.set(`${type.schema}.${type.name}`, type)
    }
  }

  /** `schema.name` → the relation. */
  relation(qualified: string): CatalogRelation | null {
    return this.#relations.get(qualified) ?? null
  }

  relationByOid(oid: number): CatalogRelation | null {
    return this.#relationsByOid.get(oid) ?? null
  }

  /** The relation and those that inherit from it, or that it inherits from. */
  kin(relation: CatalogRelation): readonly CatalogRelation[] {
    const others = [...relation.ancestors, ...relation.descendants].map((oid) => this.relationByOid(oid))
    return [relation, ...others.filter((other) => other !== null)]
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

  /** `schema.name` → the type. */
  type(qualified: string): CatalogType | null {
    return this.#typesByName.get(qualified) ?? null
  }

  typeByOid(oid: number): CatalogType | null {
    return this.#types.get(oid) ?? null
  }

  /** What was derived from this snapshot (a view's columns, a domain's functions), made once. */
  remember<T>(key: string, make: () => T): T {
    if (this.#derived.has(key)) return this.#derived.get(key) as T
    const made = make()
    this.#derived.set(key, made)
    return made
  }
}
