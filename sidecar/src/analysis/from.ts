import type { JoinExpr, JsonTable, Node, RangeFunction, RangeSubselect, RangeTableFunc, RangeVar } from '@pgsql/types'
import { rename } from './ctes.ts'
import { callFunction, callOf, useOperator } from './functions.ts'
import { note, noteAll } from './names.ts'
import { childNodes, names, nodeKind } from './node-access.ts'
import type { NodesOf } from './node-roles.ts'
import { displayName, pathOf, relationEntry, resolveRelation } from './relations.ts'
import { resultColumns } from './result-columns.ts'
import { constant, constantOf, derivedFrom, Scope, type FromItem, type ScopeColumn, type ScopeEntry } from './scope.ts'
import type { Walk } from './walk.ts'

type Handler = (walk: Walk, item: Node, scope: Scope, outer: Scope) => FromItem

const nothing: FromItem = { columns: [], open: constant }

/** Adds what one item of FROM brings. `outer` is what a subquery without LATERAL sees. */
export function addFrom(walk: Walk, item: Node, scope: Scope, outer: Scope): void {
  scope.items.push(fromItem(walk, item, scope, outer))
}

/** Its names are entered into the scope; what it brings to `*` is returned. */
function fromItem(walk: Walk, item: Node, scope: Scope, outer: Scope): FromItem {
  const kind = nodeKind(item)
  if (isFrom(kind)) return handlers[kind](walk, item, scope, outer)
  walk.facts.problem('unsupported-statement', kind)
  return nothing
}

function isFrom(kind: string): kind is NodesOf<'From'> {
  return Object.hasOwn(handlers, kind)
}

function enter(walk: Walk, scope: Scope, entry: ScopeEntry): FromItem {
  walk.facts.effort.spend(entry.columns.length)
  scope.enter(entry)
  return entry
}

const handlers: Record<NodesOf<'From'>, Handler> = {
  RangeVar: (walk, item, scope, outer) => ('RangeVar' in item ? enter(walk, scope, rangeVar(walk, item.RangeVar, outer)) : nothing), // prettier-ignore
  RangeSubselect: (walk, item, scope, outer) => ('RangeSubselect' in item ? subselect(walk, item.RangeSubselect, scope, outer) : nothing), // prettier-ignore
  JoinExpr: (walk, item, scope, outer) => ('JoinExpr' in item ? join(walk, item.JoinExpr, scope, outer) : nothing),
  RangeFunction: (walk, item, scope) => ('RangeFunction' in item ? enter(walk, scope, rangeFunction(walk, item.RangeFunction, scope)) : nothing), // prettier-ignore
  RangeTableFunc: (walk, item, scope) => ('RangeTableFunc' in item ? enter(walk, scope, xmlTable(walk, item.RangeTableFunc, scope)) : nothing), // prettier-ignore
  JsonTable: (walk, item, scope) => ('JsonTable' in item ? enter(walk, scope, jsonTable(walk, item.JsonTable, scope)) : nothing), // prettier-ignore
  RangeTableSample: sample,
}

function rangeVar(walk: Walk, name: RangeVar, outer: Scope): ScopeEntry {
  const { relname = '', schemaname, alias } = name
  const cte = schemaname === undefined ? outer.cte(relname) : null
  if (cte) {
    const columns = rename(cte.columns, names(alias?.colnames)).map((column) => ({ ...column, source: null }))
    const open = cte.complete ? null : derivedFrom(columns.map(({ value }) => value))
    return { alias: alias?.aliasname ?? relname, qualified: null, relation: null, columns, open }
  }
  const relation = resolveRelation(walk, name)
  if (relation) return relationEntry(walk, relation, alias, true)
  walk.facts.problem('unknown-object', displayName(name))
  return { alias: alias?.aliasname ?? relname, qualified: null, relation: null, columns: [], open: constant }
}

function subselect(walk: Walk, { subquery, alias, lateral }: RangeSubselect, scope: Scope, outer: Scope): FromItem {
  if (!subquery || !('SelectStmt' in subquery)) {
    walk.facts.problem('unsupported-statement', 'RangeSubselect')
    return nothing
  }
  const { columns, complete } = walk.query(subquery.SelectStmt, lateral === true ? scope : outer)
  const unsourced = rename(columns, names(alias?.colnames)).map((column) => ({ ...column, source: null }))
  const open = complete ? null : derivedFrom(columns.map(({ value }) => value))
  return enter(walk, scope, {
    alias: alias?.aliasname ?? '',
    qualified: null,
    relation: null,
    isSubquery: true,
    columns: unsourced,
    open,
  })
}

function sample(walk: Walk, item: Node, scope: Scope, outer: Scope): FromItem {
  if (!('RangeTableSample' in item) || !item.RangeTableSample.relation) return nothing
  const { relation, method, args = [], repeatable } = item.RangeTableSample
  const path = names(method)
  const own = path.at(-1) ?? ''
  const [schema] = path.length > 1 ? path : pathOf(walk).filter((each) => walk.catalog.functions(`${each}.${own}`).length > 0) // prettier-ignore
  if (schema !== 'pg_catalog' || !samplingMethods.has(own)) walk.facts.problem('unsupported-statement', 'TABLESAMPLE')
  for (const node of [...args, ...(repeatable ? [repeatable] : [])]) walk.expression(node, scope, 'Predicate')
  return fromItem(walk, relation, scope, outer)
}

const samplingMethods = new Set(['bernoulli', 'system'])

// --- functions ------------------------------------------------------------------------------------------------------

/** Functions in FROM may use what stands before them, LATERAL or not. */
function rangeFunction(walk: Walk, item: RangeFunction, scope: Scope): ScopeEntry {
  const calls = (item.functions ?? []).flatMap((list) => ('List' in list ? spread(list.List.items ?? [], item) : []))
  const alias = item.alias?.aliasname ?? ''
  const parts = calls.map(([call, definitions], index) => {
    const defined = [
      ...(definitions && 'List' in definitions ? (definitions.List.items ?? []) : []),
      ...(index === 0 ? (item.coldeflist ?? []) : []),
    ]
    noteColumnTypes(walk, defined, scope)
    return call ? functionItem(walk, call, defined, calls.length === 1 ? alias : '', scope) : nothing
  })
  const own = calls.map(([call]) => (call && 'FuncCall' in call ? (names(call.FuncCall.funcname).at(-1) ?? '') : ''))
  const ordinality =
    item.ordinality === true ? [{ name: 'ordinality', value: constantOf('BuiltIn'), source: null }] : []
  const columns = [...parts.flatMap((part) => part.columns), ...ordinality]
  const opens = parts.flatMap(({ open }) => (open ? [open] : []))
  const renamed = names(item.alias?.colnames)
  // Names may stand for columns that are not known: then each may be any of them.
  const known = [...opens, ...columns.map(({ value }) => value)]
  const any = derivedFrom(known, known.length === 1 ? (known[0]?.type ?? null) : null)
  const listed = opens.length === 0 ? rename(columns, renamed) : renamed.map((name) => ({ name, value: any, source: null })) // prettier-ignore
  const open = opens.length === 0 ? null : any
  return { alias: alias === '' ? (own[0] ?? '') : alias, qualified: null, relation: null, columns: listed, open }
}

/** `FROM unnest(a, b)` is `ROWS FROM (unnest(a), unnest(b))` of the server's own unnest, as transformRangeFunction has it. */
function spread(items: readonly Node[], { coldeflist }: RangeFunction): readonly (readonly Node[])[] {
  const [call, definitions] = items
  if (!call || !('FuncCall' in call) || (definitions && nodeKind(definitions) !== '') || coldeflist) return [items]
  const { funcname, args = [], ...rest } = call.FuncCall
  const isPlain =
    childNodes(rest).length === 0 && !rest.over && rest.func_variadic !== true && rest.agg_distinct !== true
  if (names(funcname).join('.') !== 'unnest' || args.length < 2 || !isPlain) return [items]
  const own = ['pg_catalog', 'unnest'].map((sval) => ({ String: { sval } }))
  return args.map((arg) => [{ FuncCall: { funcname: own, args: [arg] } }])
}

/** @param alias names the one column of a function that gives no row. */
function functionItem(walk: Walk, node: Node, defined: readonly Node[], alias: string, scope: Scope): FromItem {
  if (!('FuncCall' in node)) {
    const value = walk.expression(node, scope, 'Derived')
    return { columns: [], open: value }
  }
  const values = (node.FuncCall.args ?? []).map((arg) => walk.expression(arg, scope, 'Derived'))
  const call = callOf(node.FuncCall, values)
  const { found, type } = callFunction(walk, call)
  const rest = childNodes({ order: node.FuncCall.agg_order, filter: node.FuncCall.agg_filter })
  const value = derivedFrom([...values, ...rest.map((each) => walk.expression(each, scope, 'Derived'))], type)
  const listed = defined.flatMap((each) => ('ColumnDef' in each ? [each.ColumnDef.colname ?? ''] : []))
  const named =
    listed.length > 0 ? listed.map((name) => ({ name, type: null })) : resultColumns(walk, found, type, alias)
  if (!named) return { columns: [], open: value }
  return { columns: named.map((each) => ({ name: each.name, value: derivedFrom([value], each.type), source: null })), open: null } // prettier-ignore
}

function noteColumnTypes(walk: Walk, definitions: readonly Node[], scope: Scope): void {
  for (const node of definitions)
    if ('ColumnDef' in node && node.ColumnDef.typeName)
      walk.expression({ TypeName: node.ColumnDef.typeName }, scope, 'Derived')
}

/** Every column may hold anything of the document. */
function xmlTable(walk: Walk, table: RangeTableFunc, scope: Scope): ScopeEntry {
  const columns = (table.columns ?? []).flatMap((node) => ('RangeTableFuncCol' in node ? [node.RangeTableFuncCol] : []))
  const nodes = [table.docexpr, table.rowexpr, ...(table.namespaces ?? [])].flatMap((node) => (node ? [node] : []))
  const parts = [...nodes, ...columns.flatMap((column) => childNodes({ ...column }))]
  const value = derivedFrom(parts.map((node) => walk.expression(node, scope, 'Derived')))
  return tableEntry(columns.map(({ colname = '' }) => colname), value, table.alias) // prettier-ignore
}

function jsonTable(walk: Walk, table: JsonTable, scope: Scope): ScopeEntry {
  const { columns = [], alias, ...rest } = table
  const parts = [...childNodes(rest), ...columns]
  const value = derivedFrom(parts.map((node) => walk.expression(node, scope, 'Derived')))
  return tableEntry(jsonColumns(columns), value, alias)
}

/** NESTED PATH has columns of its own, in its place. */
function jsonColumns(columns: readonly Node[]): readonly string[] {
  return columns.flatMap((node) => {
    if (!('JsonTableColumn' in node)) return []
    const { coltype, name = '', columns: nested = [] } = node.JsonTableColumn
    return coltype === 'JTC_NESTED' ? jsonColumns(nested) : [name]
  })
}

function tableEntry(columns: readonly string[], value: ScopeColumn['value'], alias: RangeVar['alias']): ScopeEntry {
  const listed = columns.map((name): ScopeColumn => ({ name, value, source: null }))
  return { alias: alias?.aliasname ?? '', qualified: null, relation: null, columns: rename(listed, names(alias?.colnames)), open: null } // prettier-ignore
}

// --- joins ----------------------------------------------------------------------------------------------------------

function join(walk: Walk, node: JoinExpr, scope: Scope, outer: Scope): FromItem {
  const first = scope.entries.length
  const before = new Map(scope.merged)
  const left = node.larg ? fromItem(walk, node.larg, scope, outer) : nothing
  const right = node.rarg ? fromItem(walk, node.rarg, scope, outer) : nothing
  const isNatural = node.isNatural === true
  // Which columns a function brings is not told, so any may be compared.
  if (isNatural && (left.open || right.open)) noteAll(walk, [...left.columns, ...right.columns], 'Predicate')
  const shared = isNatural ? commonNames(left, right) : names(node.usingClause)
  const merged = shared.map((name) => merge(walk, scope, name, left, right))
  if (node.quals) walk.expression(node.quals, scope, 'Predicate')
  const isShared = new Set(shared)
  const apart = [...left.columns, ...right.columns].filter(({ name }) => !isShared.has(name))
  const opens = [left, right].flatMap(({ open }) => (open ? [open] : []))
  walk.facts.effort.spend(apart.length * (1 + shared.length))
  const item: FromItem = { columns: [...merged, ...apart], open: opens.length > 0 ? derivedFrom(opens) : null }
  if (node.alias) {
    // `(a JOIN b) AS j`: only j is seen from outside.
    const columns = rename(item.columns, names(node.alias.colnames))
    scope.merged.clear()
    for (const [name, value] of before) scope.merged.set(name, value)
    const alias = node.alias.aliasname ?? ''
    scope.cover(first, { alias, qualified: null, relation: null, columns, open: item.open })
    return { columns, open: item.open }
  }
  const using = node.join_using_alias?.aliasname
  if (using !== undefined) scope.enter({ alias: using, qualified: null, relation: null, columns: [], open: null })
  return item
}

function commonNames(left: FromItem, right: FromItem): readonly string[] {
  const known = new Set(left.columns.map(({ name }) => name))
  return right.columns.map(({ name }) => name).filter((name) => known.has(name))
}

function merge(walk: Walk, scope: Scope, name: string, left: FromItem, right: FromItem): ScopeColumn {
  const find = ({ columns }: FromItem): ScopeColumn | undefined => columns.find((column) => column.name === name)
  const values = [left, right].map((side) => {
    const column = find(side)
    return column ? note(walk, column, 'Predicate') : (side.open ?? constant)
  })
  const [one = constant, other = constant] = values
  useOperator(walk, ['='], one, other)
  const value = derivedFrom(values, one.type === other.type ? one.type : null)
  scope.merged.set(name, value)
  return { name, value, source: null }
}
