import {
  Catalog,
  type CascadingKey,
  type CatalogColumn,
  type CatalogFunction,
  type CatalogRelation,
  type RelationKind,
} from './catalog.ts'

export { Catalog } from './catalog.ts'

type Row = readonly (string | null)[]
type Query = (sql: string) => Promise<readonly Row[]>

/** A snapshot of the schema, read with the rights of whoever is logged in; metadata only, PostgreSQL 13 to 18. */
export async function loadCatalog(query: Query): Promise<Catalog> {
  // Definitions are spelled by the search path: with none, every name in them is qualified.
  const [[version = null] = []] = await query(
    "SELECT pg_catalog.current_setting('server_version'), pg_catalog.set_config('search_path', '', false)",
  )
  const columns = groupColumns(await query(columnsQuery))
  const parents = new Map<number, number[]>()
  for (const [child, parent] of await query('SELECT inhrelid, inhparent FROM pg_catalog.pg_inherits'))
    append(parents, Number(child), Number(parent))
  const relations = (await query(relationsQuery)).map((row) => readRelation(row, columns, parents))
  const operators = new Map<string, { schema: string; function: string }[]>()
  for (const [name, schema, fn] of await query(operatorsQuery))
    append(operators, name ?? '', { schema: schema ?? '', function: fn ?? '' })
  const types = await query(typesQuery)
  return new Catalog({
    serverVersion: version ?? '',
    relations: withDescendants(relations),
    functions: (await query(functionsQuery)).map(readFunction),
    userTypes: new Map(
      types
        .filter(([schema]) => schema !== 'pg_catalog')
        .map(([schema, name, runsCode]) => [`${schema ?? ''}.${name ?? ''}`, { runsCode: runsCode === 't' }]),
    ),
    builtInTypes: new Set(
      types.flatMap(([schema, name]) => (schema === 'pg_catalog' && name !== null ? [name ?? ''] : [])),
    ),
    userOperators: operators,
    schemas: new Set((await query('SELECT nspname FROM pg_catalog.pg_namespace')).map(([name]) => name ?? '')),
    cascades: (await query(cascadesQuery)).map(readCascade),
  })
}

const columnsQuery = `
  SELECT a.attrelid, a.attname, a.attnum, a.atttypid, a.attnotnull,
         CASE WHEN a.attgenerated <> '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
  LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c')
  ORDER BY a.attrelid, a.attnum`

const relationsQuery = `
  SELECT c.oid, n.nspname, c.relname, c.relkind,
         CASE WHEN c.relkind IN ('v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
              THEN pg_catalog.pg_get_viewdef(c.oid) END,
         EXISTS (SELECT 1 FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN')
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND n.nspname !~ '^pg_(toast|temp)'`

const functionsQuery = `
  SELECT n.nspname, p.proname, p.pronargs - p.pronargdefaults,
         CASE WHEN p.provariadic <> 0 THEN -1 ELSE p.pronargs END, p.provolatile, p.prokind
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace`

// A domain runs its CHECK, a cast by function its function; built-in casts between built-in types run nothing of the user's.
const typesQuery = `
  SELECT n.nspname, t.typname,
         EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid)
         OR EXISTS (SELECT 1 FROM pg_catalog.pg_cast k WHERE k.casttarget = t.oid AND k.castfunc >= 16384)
         OR t.typinput::oid >= 16384
  FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
  WHERE n.nspname !~ '^pg_(toast|temp)'`

const operatorsQuery = `
  SELECT o.oprname, n.nspname, fn.nspname || '.' || f.proname
  FROM pg_catalog.pg_operator o
  JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
  JOIN pg_catalog.pg_proc f ON f.oid = o.oprcode
  JOIN pg_catalog.pg_namespace fn ON fn.oid = f.pronamespace
  WHERE n.nspname <> 'pg_catalog'`

const cascadesQuery = `
  SELECT rn.nspname || '.' || r.relname, fn.nspname || '.' || f.relname, k.confdeltype, k.confupdtype,
         pg_catalog.array_to_string(ARRAY(SELECT a.attname FROM pg_catalog.pg_attribute a
           WHERE a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey)), ',')
  FROM pg_catalog.pg_constraint k
  JOIN pg_catalog.pg_class r ON r.oid = k.confrelid JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
  JOIN pg_catalog.pg_class f ON f.oid = k.conrelid JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace
  WHERE k.contype = 'f' AND (k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd'))`

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

function readFunction([schema, name, minArgs, maxArgs, volatility, kind]: Row): CatalogFunction {
  return {
    schema: schema ?? '',
    name: name ?? '',
    minArgs: maxArgs === '-1' ? 0 : Number(minArgs),
    maxArgs: maxArgs === '-1' ? Number.POSITIVE_INFINITY : Number(maxArgs),
    volatility: volatilities[volatility ?? ''] ?? 'Volatile',
    kind: functionKinds[kind ?? ''] ?? 'Function',
  }
}

function readCascade([referenced, referencing, onDelete, onUpdate, columns]: Row): CascadingKey {
  return {
    referenced: referenced ?? '',
    referencing: referencing ?? '',
    referencedColumns: (columns ?? '').split(','),
    onDelete: onDelete === 'c' ? 'Delete' : onDelete === 'n' || onDelete === 'd' ? 'Update' : null,
    onUpdate: onUpdate === 'a' || onUpdate === 'r' ? null : 'Update',
  }
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const known = map.get(key)
  if (known) known.push(value)
  else map.set(key, [value])
}
