import {
  Catalog,
  type CatalogCast,
  type CatalogColumn,
  type CatalogForeignKey,
  type CatalogFunction,
  type CatalogOperator,
  type CatalogRelation,
  type CatalogTrigger,
  type CatalogType,
  type RelationKind,
  type TriggerEvent,
} from './catalog.ts'
import * as queries from './catalog-queries.ts'

export { Catalog } from './catalog.ts'

type Row = readonly (string | null)[]
type Query = (sql: string) => Promise<readonly Row[]>

/** A snapshot of the schema, read with the rights of whoever is logged in; metadata only, PostgreSQL 13 to 18. */
export async function loadCatalog(query: Query): Promise<Catalog> {
  // Definitions are spelled by the search path: with none, every name in them is qualified.
  const [[version = null] = []] = await query(
    "SELECT pg_catalog.current_setting('server_version'), pg_catalog.set_config('search_path', '', false)",
  )
  const columns = groupColumns(await query(queries.columnsQuery))
  const parents = new Map<number, number[]>()
  for (const [child, parent] of await query(queries.parentsQuery)) append(parents, Number(child), Number(parent))
  const triggers = groupTriggers(await query(queries.triggersQuery))
  const relations = (await query(queries.relationsQuery)).map((row) => readRelation(row, columns, parents, triggers))
  const operators = new Map<string, CatalogOperator[]>()
  for (const row of await query(queries.operatorsQuery)) append(operators, row[0] ?? '', readOperator(row))
  const casts = await query(queries.castsQuery)
  return new Catalog({
    serverVersion: version ?? '',
    relations: withDescendants(relations),
    functions: (await query(queries.functionsQuery)).map(readFunction),
    types: (await query(queries.typesQuery)).map(readType),
    operators,
    casts: casts.flatMap(readCast),
    implicitCasts: new Set(
      casts.flatMap(([source, target, context]) => (context === 'i' ? [`${source ?? ''} ${target ?? ''}`] : [])),
    ),
    schemas: new Set((await query(queries.schemasQuery)).map(([name]) => name ?? '')),
    foreignKeys: (await query(queries.foreignKeysQuery)).map(readForeignKey),
  })
}

function groupColumns(rows: readonly Row[]): ReadonlyMap<number, readonly CatalogColumn[]> {
  const columns = new Map<number, CatalogColumn[]>()
  for (const [oid, name, attribute, type, notNull, generated] of rows)
    append(columns, Number(oid), {
      name: name ?? '',
      attribute: Number(attribute),
      typeOid: Number(type),
      notNull: notNull === 't',
      generated: generated ?? null,
    })
  return columns
}

const relationKinds: Readonly<Record<string, RelationKind>> = {
  r: 'Table',
  p: 'Table',
  v: 'View',
  m: 'MaterializedView',
  f: 'ForeignTable',
  S: 'Sequence',
}

function readRelation(
  row: Row,
  columns: ReadonlyMap<number, readonly CatalogColumn[]>,
  parents: ReadonlyMap<number, readonly number[]>,
  triggers: ReadonlyMap<number, readonly CatalogTrigger[]>,
): CatalogRelation {
  const [oid, schema, name, kind, definition, rules] = row
  return {
    oid: Number(oid),
    schema: schema ?? '',
    name: name ?? '',
    kind: relationKinds[kind ?? ''] ?? 'Other',
    columns: columns.get(Number(oid)) ?? [],
    definition: definition ?? null,
    ancestors: ancestorsOf(Number(oid), parents),
    descendants: [],
    hasRules: rules === 't',
    triggers: triggers.get(Number(oid)) ?? [],
  }
}

function ancestorsOf(oid: number, parents: ReadonlyMap<number, readonly number[]>): readonly number[] {
  const found = new Set<number>()
  const open = [...(parents.get(oid) ?? [])]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (found.has(next)) continue
    found.add(next)
    open.push(...(parents.get(next) ?? []))
  }
  return [...found]
}

function withDescendants(relations: readonly CatalogRelation[]): readonly CatalogRelation[] {
  const descendants = new Map<number, number[]>()
  for (const { oid, ancestors } of relations) for (const ancestor of ancestors) append(descendants, ancestor, oid)
  return relations.map((relation) =>
    descendants.has(relation.oid) ? { ...relation, descendants: descendants.get(relation.oid) ?? [] } : relation,
  )
}

const volatilities: Readonly<Record<string, CatalogFunction['volatility']>> = { i: 'Immutable', s: 'Stable' }
const functionKinds: Readonly<Record<string, CatalogFunction['kind']>> = { p: 'Procedure', a: 'Aggregate', w: 'Window' }

function readFunction(row: Row): CatalogFunction {
  const [schema, name, minArgs, maxArgs, volatility, kind, argTypes, returnType, outputs] = row
  return {
    schema: schema ?? '',
    name: name ?? '',
    minArgs: maxArgs === '-1' ? 0 : Number(minArgs),
    maxArgs: maxArgs === '-1' ? Number.POSITIVE_INFINITY : Number(maxArgs),
    argTypes: (argTypes ?? '').split(' ').filter(Boolean).map(Number),
    returnType: Number(returnType),
    outputs: readJson<readonly (readonly [string | null, number])[]>(outputs, []).map(([column, type]) => ({
      name: column ?? '',
      type,
    })),
    volatility: volatilities[volatility ?? ''] ?? 'Volatile',
    kind: functionKinds[kind ?? ''] ?? 'Function',
  }
}

function readJson<T>(text: string | null | undefined, absent: T): T {
  return text === null || text === undefined ? absent : (JSON.parse(text) as T)
}

function readOperator([, schema, left, right, result, fn]: Row): CatalogOperator {
  return { schema: schema ?? '', left: Number(left), right: Number(right), result: Number(result), function: fn ?? '' }
}

const castContexts: Readonly<Record<string, CatalogCast['context']>> = { i: 'Implicit', a: 'Assignment' }

function readCast([source, target, context, fn]: Row): readonly CatalogCast[] {
  if (fn === null || fn === undefined) return []
  const kind = castContexts[context ?? ''] ?? 'Explicit'
  return [{ source: Number(source), target: Number(target), function: fn, context: kind }]
}

const typeKinds: Readonly<Record<string, CatalogType['kind']>> = {
  c: 'Composite',
  d: 'Domain',
  e: 'Enum',
  p: 'Pseudo',
  r: 'Range',
  m: 'Range',
}

function readType([oid, schema, name, kind, base, element, relation, subtype, ownInput, checks]: Row): CatalogType {
  return {
    oid: Number(oid),
    schema: schema ?? '',
    name: name ?? '',
    kind: typeKinds[kind ?? ''] ?? 'Base',
    base: Number(base),
    element: Number(element),
    relation: Number(relation),
    subtype: Number(subtype),
    ownInput: ownInput === 't',
    checks: readJson<readonly string[]>(checks, []),
  }
}

/** Bits of pg_trigger.tgtype (catalog/pg_trigger.h). */
const triggerBits: readonly (readonly [number, TriggerEvent])[] = [
  [4, 'Insert'],
  [8, 'Delete'],
  [16, 'Update'],
  [32, 'Truncate'],
]

function groupTriggers(rows: readonly Row[]): ReadonlyMap<number, readonly CatalogTrigger[]> {
  const triggers = new Map<number, CatalogTrigger[]>()
  for (const [oid, name, fn, type, columns] of rows)
    append(triggers, Number(oid), {
      name: name ?? '',
      function: fn ?? '',
      events: triggerBits.flatMap(([bit, event]) => ((Number(type) & bit) === 0 ? [] : [event])),
      columns: readJson<readonly string[]>(columns, []),
    })
  return triggers
}

function readForeignKey([referenced, referencing, onDelete, onUpdate, columns]: Row): CatalogForeignKey {
  return {
    referenced: referenced ?? '',
    referencing: referencing ?? '',
    referencedColumns: readJson<readonly string[]>(columns, []),
    onDelete: onDelete === 'c' ? 'Delete' : onDelete === 'n' || onDelete === 'd' ? 'Update' : null,
    onUpdate: onUpdate === 'c' || onUpdate === 'n' || onUpdate === 'd' ? 'Update' : null,
  }
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const known = map.get(key)
  if (known) known.push(value)
  else map.set(key, [value])
}
