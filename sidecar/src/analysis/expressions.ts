import type { ColumnRef, FuncCall, Node, SubLink, TypeCast } from '@pgsql/types'
import { callFunction, useOperator, useType } from './functions.ts'
import { childNodes, names, nodeFields, nodeKind } from './node-access.ts'
import { wholeRow } from './relations.ts'
import { constant, derivedFrom, type Scope, type ScopeColumn, type ScopeEntry, type Value } from './scope.ts'
import { columnProfile, isSystemSchema } from './system-relations.ts'
import type { Use, Walk } from './walk.ts'

/** Nodes whose value is made of the values below them and that do nothing else. */
const composite = new Set(
  `BoolExpr A_Expr NullTest BooleanTest CaseExpr CaseWhen CoalesceExpr MinMaxExpr A_ArrayExpr RowExpr CollateClause
  SQLValueFunction XmlExpr XmlSerialize GroupingFunc GroupingSet NamedArgExpr MultiAssignRef List ResTarget WindowDef
  SortBy A_Indices String Integer Float Boolean BitString A_Const ParamRef SetToDefault CurrentOfExpr MergeSupportFunc
  JsonFormat JsonReturning JsonOutput JsonValueExpr JsonKeyValue JsonArgument JsonBehavior JsonTablePathSpec
  JsonAggConstructor JsonFuncExpr JsonParseExpr JsonScalarExpr JsonSerializeExpr JsonIsPredicate JsonObjectConstructor
  JsonArrayConstructor JsonArrayQueryConstructor JsonObjectAgg JsonArrayAgg JsonTableColumn JsonTablePathScan`.split(
    /\s+/,
  ),
)
const packing = new Set(['JsonObjectAgg', 'JsonArrayAgg', 'JsonArrayQueryConstructor'])

/** Walks an expression: what it reads, what it calls, and what its value is made of. Unknown nodes are problems. */
export function walkExpression(walk: Walk, node: Node, scope: Scope, use: Use): Value {
  if ('ColumnRef' in node) return walkColumn(walk, node.ColumnRef, scope, use)
  if ('FuncCall' in node) return walkFunction(walk, node.FuncCall, scope, use)
  if ('SubLink' in node) return walkSubLink(walk, node.SubLink, scope, use)
  if ('TypeCast' in node) return walkCast(walk, node.TypeCast, scope, use)
  if ('TypeName' in node) {
    useType(walk, node.TypeName)
    return constant
  }
  if ('SelectStmt' in node) return noteAll(walk, walk.query(node.SelectStmt, scope).columns, within(use))
  if ('A_Indirection' in node)
    return walkIndirection(walk, node.A_Indirection.arg, node.A_Indirection.indirection, scope, use)
  const kind = nodeKind(node)
  if (!composite.has(kind)) {
    walk.facts.problem('unsupported-statement', kind)
    return constant
  }
  if (packing.has(kind)) walk.facts.packsRows = true
  if ('A_Expr' in node) useOperator(walk, names(node.A_Expr.name))
  return derivedFrom(childNodes(nodeFields(node)).map((child) => walk.expression(child, scope, within(use))))
}

/** What is inside an expression is not shown as it is. */
function within(use: Use): Use {
  return use === 'Predicate' ? 'Predicate' : 'Derived'
}

function walkCast(walk: Walk, cast: TypeCast, scope: Scope, use: Use): Value {
  if (cast.typeName) useType(walk, cast.typeName)
  return cast.arg ? derivedFrom([walk.expression(cast.arg, scope, within(use))]) : constant
}

function walkSubLink(walk: Walk, link: SubLink, scope: Scope, use: Use): Value {
  const inner = within(use)
  const tested = link.testexpr ? [walk.expression(link.testexpr, scope, inner)] : []
  if (link.operName) useOperator(walk, names(link.operName))
  if (!link.subselect || !('SelectStmt' in link.subselect)) {
    walk.facts.problem('unsupported-statement', 'SubLink')
    return constant
  }
  const { columns } = walk.query(link.subselect.SelectStmt, scope)
  if (link.subLinkType === 'EXISTS_SUBLINK') return derivedFrom(tested)
  if (link.subLinkType === 'ARRAY_SUBLINK') walk.facts.packsRows = true
  return derivedFrom([...tested, noteAll(walk, columns, inner)])
}

function walkFunction(walk: Walk, call: FuncCall, scope: Scope, use: Use): Value {
  const inner = within(use)
  const column = functionalNotation(walk, call, scope, use)
  if (column) return column
  const args = call.args ?? []
  callFunction(walk, names(call.funcname), args, call)
  const values = [...args, ...(call.agg_order ?? []), ...(call.agg_filter ? [call.agg_filter] : [])].map((node) =>
    walk.expression(node, scope, inner),
  )
  if (call.over) values.push(...childNodes({ ...call.over }).map((node) => walk.expression(node, scope, 'Predicate')))
  return derivedFrom(values)
}

/** `email(c)` is `c.email` where no function has the name (manual, 4.2.6 and 36.4.3). */
function functionalNotation(walk: Walk, call: FuncCall, scope: Scope, use: Use): Value | null {
  const [name, ...more] = names(call.funcname)
  const [arg, ...others] = call.args ?? []
  if (name === undefined || more.length > 0 || !arg || others.length > 0 || !('ColumnRef' in arg)) return null
  const fields = names(arg.ColumnRef.fields)
  const [alias] = fields
  if (fields.length !== 1 || alias === undefined) return null
  const entry = findEntry(scope, alias)
  const column = entry?.columns.find((each) => each.name === name)
  return column ? note(walk, column, within(use)) : null
}

/** `(c).email`, `(f(x)).field`, `a[1]`. */
function walkIndirection(
  walk: Walk,
  arg: Node | undefined,
  path: readonly Node[] | undefined,
  scope: Scope,
  use: Use,
): Value {
  const inner = within(use)
  const [first] = path ?? []
  if (arg && 'ColumnRef' in arg && first && 'String' in first) {
    const [alias, ...more] = names(arg.ColumnRef.fields)
    const entry = more.length === 0 && alias !== undefined ? findEntry(scope, alias) : null
    const column = entry?.columns.find((each) => each.name === first.String.sval)
    if (column) return path?.length === 1 ? note(walk, column, use) : derivedFrom([note(walk, column, inner)])
  }
  const values = arg ? [walk.expression(arg, scope, inner)] : []
  for (const step of path ?? []) if ('A_Indices' in step) values.push(walk.expression(step, scope, inner))
  return derivedFrom(values)
}

// --- names ----------------------------------------------------------------------------------------------------------

function walkColumn(walk: Walk, reference: ColumnRef, scope: Scope, use: Use): Value {
  const fields = reference.fields ?? []
  const last = fields.at(-1)
  const path = names(fields.filter((field) => 'String' in field))
  if (last && 'A_Star' in last) {
    const entry = path.length > 0 ? findQualifiedEntry(walk, scope, path) : null
    if (path.length > 0 && !entry) return unknown(walk, path.join('.'))
    const entries = entry ? [entry] : scope.entries
    return derivedFrom(entries.map((each) => noteRow(walk, each, within(use))))
  }
  return path.length === 1 ? walkName(walk, path[0] ?? '', scope, use) : walkQualified(walk, path, scope, use)
}

function walkName(walk: Walk, name: string, scope: Scope, use: Use): Value {
  for (let level: Scope | null = scope; level; level = level.parent) {
    const merged = level.merged.get(name)
    if (merged) return noteValue(walk, merged, use)
    const found = level.entries.flatMap(({ columns }) => columns.filter((column) => column.name === name))
    const [only] = found
    if (only && found.length === 1) return note(walk, only, use)
    if (found.length > 1) return derivedFrom(found.map((column) => note(walk, column, within(use))))
    const row = level.entries.find(({ alias }) => alias === name)
    if (row) return noteRow(walk, row, within(use))
    const open = level.entries.find((entry) => entry.open)?.open
    if (open) return noteValue(walk, derivedFrom([open]), within(use))
    if (systemColumns.has(name) && level.entries.some(({ relation }) => relation !== null)) return constant
  }
  return unknown(walk, name)
}

function walkQualified(walk: Walk, path: readonly string[], scope: Scope, use: Use): Value {
  const entry = findQualifiedEntry(walk, scope, path.slice(0, -1))
  const name = path.at(-1) ?? ''
  if (!entry) return unknown(walk, path.join('.'))
  const column = entry.columns.find((each) => each.name === name)
  if (column) return note(walk, column, use)
  if (entry.open) return noteValue(walk, derivedFrom([entry.open]), within(use))
  if (systemColumns.has(name) && entry.relation !== null) return constant
  // Attribute notation: `c.f` calls f(c).
  callFunction(walk, [name], [{ ParamRef: {} }], null)
  return noteRow(walk, entry, within(use))
}

const systemColumns = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid', 'oid'])

function unknown(walk: Walk, name: string): Value {
  walk.facts.problem('unknown-object', name)
  return constant
}

export function findEntry(scope: Scope, alias: string): ScopeEntry | null {
  for (let level: Scope | null = scope; level; level = level.parent) {
    const entry = level.entries.find((each) => each.alias === alias)
    if (entry) return entry
  }
  return null
}

/** `alias`, `schema.relation` or `database.schema.relation`. */
export function findQualifiedEntry(walk: Walk, scope: Scope, path: readonly string[]): ScopeEntry | null {
  if (path.length === 1) return findEntry(scope, path[0] ?? '')
  if (path.length === 3 && path[0] !== walk.database) return null
  const qualified = path.slice(-2).join('.')
  for (let level: Scope | null = scope; level; level = level.parent) {
    const entry = level.entries.find((each) => each.qualified === qualified)
    if (entry) return entry
  }
  return null
}

// --- what is read ---------------------------------------------------------------------------------------------------

/** A column is used: it is read, from where permission is looked up, and for what. */
export function note(walk: Walk, column: ScopeColumn, use: Use): Value {
  const { source } = column
  if (source) {
    const schema = source.relation.slice(0, source.relation.indexOf('.'))
    if (isSystemSchema(schema)) {
      const profile = columnProfile(source.relation, source.column)
      if (profile) walk.facts.systemRelations.set(`${source.relation}.${source.column}`, profile)
    } else {
      walk.facts.effect('Select', source.relation, [source.column], 'Filtered')
      walk.facts.readsData = true
    }
  }
  return noteValue(walk, column.value, use)
}

export function noteValue(walk: Walk, value: Value, use: Use): Value {
  const { facts } = walk
  for (const column of value.columns) {
    facts.read.add(column)
    if (use === 'Predicate') facts.predicate.add(column)
    else if (use === 'Derived' || column !== value.plain?.column) facts.derived.add(column)
  }
  return value
}

export function noteRow(walk: Walk, entry: ScopeEntry, use: Use): Value {
  for (const column of entry.columns) note(walk, column, use)
  return wholeRow(entry)
}

export function noteAll(walk: Walk, columns: readonly ScopeColumn[], use: Use): Value {
  return derivedFrom(columns.map((column) => noteValue(walk, column.value, use)))
}
