import type {
  JoinExpr,
  LockingClause,
  Node,
  RangeFunction,
  RangeVar,
  ResTarget,
  SelectStmt,
  WithClause,
} from '@pgsql/types'
import { findEntry, findQualifiedEntry, note, noteAll, noteRow } from './expressions.ts'
import { childNodes, names, nodeFields, nodeKind } from './node-access.ts'
import { displayName, relationEntry, resolveRelation } from './relations.ts'
import { isOpenInStar, judgeSettingsView } from './settings-view.ts'
import { constant, derivedFrom, Scope, type ScopeColumn, type ScopeEntry, type Value } from './scope.ts'
import type { QueryColumns, Walk } from './walk.ts'

/** Walks a SELECT, VALUES, TABLE or set operation and tells its columns. */
export function walkQuery(walk: Walk, select: SelectStmt, parent: Scope | null): QueryColumns {
  const outer = new Scope(parent)
  if (select.withClause) defineCtes(walk, select.withClause, outer)
  if (select.intoClause?.rel) {
    walk.facts.effect('Create', targetName(walk, select.intoClause.rel))
    walk.facts.tags.add('Ddl')
  }
  if (select.op !== undefined && select.op !== 'SETOP_NONE') return walkSetOperation(walk, select, outer)
  if (select.valuesLists) return walkValues(walk, select, outer)
  const scope = new Scope(outer)
  for (const item of select.fromClause ?? []) addFrom(walk, item, scope, outer)
  predicate(walk, select.whereClause, scope)
  judgeSettingsView(walk, scope, select.whereClause)
  const outputs = walkTargets(walk, select.targetList ?? [], scope)
  for (const node of select.groupClause ?? []) walkReference(walk, node, scope, outputs.columns, true)
  predicate(walk, select.havingClause, scope)
  for (const window of select.windowClause ?? [])
    for (const node of childNodes(nodeFields(window))) predicate(walk, node, scope)
  walkDistinct(walk, select, scope, outputs)
  walkTail(walk, select, scope, outputs.columns)
  for (const lock of select.lockingClause ?? []) if ('LockingClause' in lock) walkLock(walk, lock.LockingClause, scope)
  return outputs
}

/** Creating a relation: the name as the statement has it; unqualified, it lands in the first schema of the path. */
export function targetName(walk: Walk, name: RangeVar): string {
  if (name.relpersistence === 't') return `pg_temp.${name.relname ?? ''}`
  return name.schemaname === undefined ? `${walk.searchPath[0] ?? ''}.${name.relname ?? ''}` : displayName(name)
}

function predicate(walk: Walk, node: Node | undefined, scope: Scope): void {
  if (node) walk.expression(node, scope, 'Predicate')
}

function walkDistinct(walk: Walk, select: SelectStmt, scope: Scope, outputs: QueryColumns): void {
  if (!select.distinctClause) return
  const on = select.distinctClause.filter((node) => nodeKind(node) !== '')
  for (const node of on) walkReference(walk, node, scope, outputs.columns, true)
  if (on.length === 0) noteAll(walk, outputs.columns, 'Predicate')
}

function walkTail(walk: Walk, select: SelectStmt, scope: Scope, outputs: readonly ScopeColumn[]): void {
  for (const sort of select.sortClause ?? [])
    if ('SortBy' in sort && sort.SortBy.node) walkReference(walk, sort.SortBy.node, scope, outputs, false)
  predicate(walk, select.limitCount, scope)
  predicate(walk, select.limitOffset, scope)
}

/** ORDER BY and GROUP BY may mean an output column, by position or by name. */
function walkReference(
  walk: Walk,
  node: Node,
  scope: Scope,
  outputs: readonly ScopeColumn[],
  inputFirst: boolean,
): void {
  if ('A_Const' in node && node.A_Const.ival) {
    const output = outputs[(node.A_Const.ival.ival ?? 0) - 1]
    if (output) noteAll(walk, [output], 'Predicate')
    return
  }
  const [name, ...more] = 'ColumnRef' in node ? names(node.ColumnRef.fields) : []
  const named = name !== undefined && more.length === 0 ? outputs.filter((output) => output.name === name) : []
  if (named.length > 0) noteAll(walk, named, 'Predicate')
  if (named.length > 0 && !(inputFirst && name !== undefined && isInput(scope, name))) return
  walk.expression(node, scope, 'Predicate')
}

function isInput(scope: Scope, name: string): boolean {
  return scope.merged.has(name) || scope.entries.some(({ columns }) => columns.some((column) => column.name === name))
}

// --- set operations and VALUES --------------------------------------------------------------------------------------

function walkSetOperation(walk: Walk, select: SelectStmt, outer: Scope): QueryColumns {
  const left: QueryColumns = select.larg ? walk.query(select.larg, outer) : { columns: [], complete: false }
  const right: QueryColumns = select.rarg ? walk.query(select.rarg, outer) : { columns: [], complete: false }
  const keepsAll = select.op === 'SETOP_UNION' && select.all === true
  const columns = left.columns.map((column, index): ScopeColumn => {
    const other = right.columns[index]
    if (!keepsAll) noteAll(walk, other ? [column, other] : [column], 'Predicate')
    return { name: column.name, value: other ? both(walk, column, other) : column.value, source: null }
  })
  walkTail(walk, select, new Scope(outer), columns)
  return { columns, complete: left.complete && right.complete && left.columns.length === right.columns.length }
}

/** A column of a UNION is plain only where both sides are the same one, or the other is no column at all. */
function both(walk: Walk, left: ScopeColumn, right: ScopeColumn): Value {
  if (left.value.columns.size === 0) return right.value
  if (right.value.columns.size === 0) return left.value
  if (left.value.plain && left.value.plain.column === right.value.plain?.column) return left.value
  noteAll(walk, [left, right], 'Derived')
  return derivedFrom([left.value, right.value])
}

function walkValues(walk: Walk, select: SelectStmt, outer: Scope): QueryColumns {
  const columns: Value[] = []
  for (const list of select.valuesLists ?? []) {
    if (!('List' in list)) continue
    for (const [index, item] of (list.List.items ?? []).entries()) {
      const value = walk.expression(item, outer, 'Derived')
      columns[index] = columns[index] ? derivedFrom([columns[index], value]) : derivedFrom([value])
    }
  }
  const outputs = columns.map((value, index): ScopeColumn => ({ name: `column${index + 1}`, value, source: null }))
  walkTail(walk, select, new Scope(outer), outputs)
  return { columns: outputs, complete: true }
}

// --- WITH -----------------------------------------------------------------------------------------------------------

/** A CTE sees those before it; with RECURSIVE also itself and those behind it. */
export function defineCtes(walk: Walk, clause: WithClause, scope: Scope): void {
  for (const node of clause.ctes ?? []) {
    if (!('CommonTableExpr' in node)) continue
    const { ctename = '', aliascolnames, ctequery, search_clause: search, cycle_clause: cycle } = node.CommonTableExpr
    if (!ctequery) continue
    if (search || cycle) walk.facts.problem('unsupported-statement', 'SEARCH or CYCLE clause')
    const renamed = names(aliascolnames)
    const isRecursive = clause.recursive === true && mentions(ctequery, ctename)
    const body = isRecursive ? recursiveBody(walk, ctequery, ctename, renamed, scope) : walk.cteBody(ctequery, scope)
    scope.ctes.set(ctename, { columns: rename(body.columns, renamed), complete: body.complete })
  }
}

function mentions(node: Node, name: string): boolean {
  if ('RangeVar' in node) return node.RangeVar.relname === name && node.RangeVar.schemaname === undefined
  return childNodes(nodeFields(node)).some((child) => mentions(child, name)) || bareMentions(nodeFields(node), name)
}

/** Bare structures (larg and rarg of set operations) hold nodes, too; `childNodes` looks through them. */
function bareMentions(fields: Readonly<Record<string, unknown>>, name: string): boolean {
  return 'relname' in fields && fields.relname === name && !('schemaname' in fields)
}

/** Each round may move any column to any place: every column of a recursive CTE is made of all that it reads. */
function recursiveBody(walk: Walk, query: Node, name: string, renamed: readonly string[], scope: Scope): QueryColumns {
  if (!('SelectStmt' in query) || !query.SelectStmt.larg || query.SelectStmt.op !== 'SETOP_UNION') {
    walk.facts.problem('unsupported-statement', 'recursive query of this form')
    return { columns: [], complete: false }
  }
  const first = walk.query(query.SelectStmt.larg, scope)
  const all = derivedFrom(first.columns.map(({ value }) => value))
  const blurred = (value: Value): readonly ScopeColumn[] =>
    rename(first.columns, renamed).map((column) => ({ name: column.name, value: derivedFrom([value]), source: null }))
  const inner = new Scope(scope)
  inner.ctes.set(name, { columns: blurred(all), complete: first.complete })
  const whole = walk.query(query.SelectStmt, inner)
  const value = derivedFrom([all, ...whole.columns.map((column) => column.value)])
  return { columns: blurred(value), complete: whole.complete }
}

function rename(columns: readonly ScopeColumn[], renamed: readonly string[]): readonly ScopeColumn[] {
  return columns.map((column, index) => ({ ...column, name: renamed[index] ?? column.name }))
}

// --- FROM -----------------------------------------------------------------------------------------------------------

/** Adds what one item of FROM brings. `outer` is what a subquery without LATERAL sees. */
export function addFrom(walk: Walk, item: Node, scope: Scope, outer: Scope): void {
  if ('RangeVar' in item) {
    scope.entries.push(rangeVar(walk, item.RangeVar, outer))
  } else if ('RangeSubselect' in item) {
    const { subquery, alias, lateral } = item.RangeSubselect
    if (!subquery || !('SelectStmt' in subquery)) return walk.facts.problem('unsupported-statement', 'RangeSubselect')
    const { columns, complete } = walk.query(subquery.SelectStmt, lateral === true ? scope : outer)
    const unsourced = rename(columns, names(alias?.colnames)).map((column) => ({ ...column, source: null }))
    const open = complete ? null : derivedFrom(columns.map(({ value }) => value))
    scope.entries.push({ alias: alias?.aliasname ?? '', qualified: null, relation: null, columns: unsourced, open })
  } else if ('JoinExpr' in item) {
    addJoin(walk, item.JoinExpr, scope, outer)
  } else if ('RangeFunction' in item) {
    scope.entries.push(rangeFunction(walk, item.RangeFunction, scope))
  } else if ('RangeTableFunc' in item || 'JsonTable' in item) {
    const fields = nodeFields(item)
    const value = derivedFrom(childNodes(fields).map((node) => tableFunctionPart(walk, node, scope)))
    const alias = fields.alias as { aliasname?: string } | undefined
    scope.entries.push({ alias: alias?.aliasname ?? '', qualified: null, relation: null, columns: [], open: value })
  } else if ('RangeTableSample' in item && item.RangeTableSample.relation) {
    addFrom(walk, item.RangeTableSample.relation, scope, outer)
    for (const node of item.RangeTableSample.args ?? []) walk.expression(node, scope, 'Predicate')
  } else {
    walk.facts.problem('unsupported-statement', nodeKind(item))
  }
}

function tableFunctionPart(walk: Walk, node: Node, scope: Scope): Value {
  if ('RangeTableFuncCol' in node) {
    const parts = childNodes(nodeFields(node)).map((child) => walk.expression(child, scope, 'Derived'))
    return derivedFrom(parts)
  }
  return 'String' in node ? constant : walk.expression(node, scope, 'Derived')
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

/** Functions in FROM may use what stands before them, LATERAL or not. */
function rangeFunction(walk: Walk, item: RangeFunction, scope: Scope): ScopeEntry {
  const values: Value[] = []
  let own = ''
  for (const list of item.functions ?? []) {
    const [call, definitions] = 'List' in list ? (list.List.items ?? []) : []
    if (!call) continue
    if ('FuncCall' in call) own = names(call.FuncCall.funcname).at(-1) ?? ''
    values.push(walk.expression(call, scope, 'Derived'))
    noteColumnTypes(walk, definitions && 'List' in definitions ? (definitions.List.items ?? []) : [], scope)
  }
  noteColumnTypes(walk, item.coldeflist ?? [], scope)
  const value = derivedFrom(values)
  const alias = item.alias?.aliasname ?? own
  const columns = names(item.alias?.colnames).map((name): ScopeColumn => ({ name, value, source: null }))
  return { alias, qualified: null, relation: null, columns, open: value }
}

function noteColumnTypes(walk: Walk, definitions: readonly Node[], scope: Scope): void {
  for (const node of definitions)
    if ('ColumnDef' in node && node.ColumnDef.typeName)
      walk.expression({ TypeName: node.ColumnDef.typeName }, scope, 'Derived')
}

function addJoin(walk: Walk, join: JoinExpr, scope: Scope, outer: Scope): void {
  const first = scope.entries.length
  if (join.larg) addFrom(walk, join.larg, scope, outer)
  const second = scope.entries.length
  if (join.rarg) addFrom(walk, join.rarg, scope, outer)
  const left = scope.entries.slice(first, second)
  const right = scope.entries.slice(second)
  const shared = join.isNatural === true ? commonNames(left, right) : names(join.usingClause)
  for (const name of shared) mergeColumn(walk, scope, name, left, right)
  predicate(walk, join.quals, scope)
  if (!join.alias && !join.join_using_alias) return
  // `(a JOIN b) AS j`: only j is seen from outside; its columns are those of both.
  const columns = [...left, ...right].flatMap((entry) => entry.columns)
  const open = derivedFrom([...left, ...right].flatMap((entry) => (entry.open ? [entry.open] : [])))
  const isOpen = [...left, ...right].some((entry) => entry.open !== null)
  const alias = (join.alias ?? join.join_using_alias)?.aliasname ?? ''
  const entry = {
    alias,
    qualified: null,
    relation: null,
    columns: rename(columns, names(join.alias?.colnames)),
    open: isOpen ? open : null,
  }
  if (join.alias) scope.entries.splice(first, scope.entries.length - first, entry)
  else scope.entries.push({ ...entry, columns: columns.filter(({ name }) => shared.includes(name)) })
}

function commonNames(left: readonly ScopeEntry[], right: readonly ScopeEntry[]): readonly string[] {
  const known = new Set(left.flatMap(({ columns }) => columns.map(({ name }) => name)))
  return right.flatMap(({ columns }) => columns.map(({ name }) => name)).filter((name) => known.has(name))
}

function mergeColumn(
  walk: Walk,
  scope: Scope,
  name: string,
  left: readonly ScopeEntry[],
  right: readonly ScopeEntry[],
): void {
  const find = (entries: readonly ScopeEntry[]): ScopeColumn | undefined =>
    entries.flatMap(({ columns }) => columns).find((column) => column.name === name)
  const one = find(left)
  const other = find(right)
  for (const column of [one, other]) if (column) note(walk, column, 'Predicate')
  if (one && other) scope.merged.set(name, derivedFrom([one.value, other.value]))
}

// --- the target list ------------------------------------------------------------------------------------------------

/** Outputs in order, `*` expanded as the server does: columns merged by USING first, each once. */
export function walkTargets(walk: Walk, targets: readonly Node[], scope: Scope): QueryColumns {
  const columns: ScopeColumn[] = []
  let complete = true
  for (const node of targets) {
    if (!('ResTarget' in node)) {
      walk.facts.problem('unsupported-statement', nodeKind(node))
      continue
    }
    const star = starEntries(walk, node.ResTarget, scope)
    if (star) {
      columns.push(...expandStar(walk, star, scope))
      if (star.entries.some((entry) => entry.open !== null)) complete = false
      continue
    }
    const { name, val } = node.ResTarget
    if (!val) continue
    if (isCompositeStar(val)) complete = false
    columns.push({ name: name ?? outputName(val), value: walk.expression(val, scope, 'Output'), source: null })
  }
  if (columns.length > maxTargets) walk.facts.problem('statement-too-large', `${columns.length} columns`)
  return { columns, complete }
}

/** MaxTupleAttributeNumber, access/htup_details.h. */
const maxTargets = 1664

interface Star {
  readonly entries: readonly ScopeEntry[]
  /** `*` of all: merged columns come once and first. */
  readonly all: boolean
}

function starEntries(walk: Walk, target: ResTarget, scope: Scope): Star | null {
  const { val } = target
  if (!val) return null
  const path = starPath(val)
  if (!path) return null
  if (path.length === 0) return { entries: scope.entries, all: true }
  const entry = path.length === 1 ? findEntry(scope, path[0] ?? '') : findQualifiedEntry(walk, scope, path)
  return entry ? { entries: [entry], all: false } : null
}

/** `*`, `t.*`, `s.t.*` and `(t).*`. */
function starPath(node: Node): readonly string[] | null {
  if ('ColumnRef' in node) {
    const fields = node.ColumnRef.fields ?? []
    const last = fields.at(-1)
    return last && 'A_Star' in last ? names(fields.slice(0, -1)) : null
  }
  if (!isCompositeStar(node) || !('A_Indirection' in node)) return null
  const { arg, indirection } = node.A_Indirection
  return arg && 'ColumnRef' in arg && indirection?.length === 1 ? names(arg.ColumnRef.fields) : null
}

function isCompositeStar(node: Node): boolean {
  const last = 'A_Indirection' in node ? node.A_Indirection.indirection?.at(-1) : undefined
  return last !== undefined && 'A_Star' in last
}

function expandStar(walk: Walk, star: Star, scope: Scope): readonly ScopeColumn[] {
  const merged = star.all ? [...scope.merged] : []
  const first = merged.map(([name, value]): ScopeColumn => ({ name, value, source: null }))
  noteAll(walk, first, 'Output')
  const rest = star.entries.flatMap((entry) => {
    if (entry.open && entry.columns.length === 0) noteRow(walk, entry, 'Derived')
    return entry.columns
      .filter(({ name }) => !star.all || !scope.merged.has(name))
      .map((column) => (isOpenInStar(column) ? { ...column, source: null } : column))
  })
  return [...first, ...rest.map((column) => ({ ...column, value: note(walk, column, 'Output') }))]
}

/** The name the server gives a column without AS, as far as a query around it can ask for it. */
function outputName(node: Node): string {
  if ('ColumnRef' in node) return names(node.ColumnRef.fields).at(-1) ?? ''
  if ('FuncCall' in node) return names(node.FuncCall.funcname).at(-1) ?? ''
  if ('A_Indirection' in node) return names(node.A_Indirection.indirection).at(-1) ?? ''
  if ('TypeCast' in node) {
    const inner = node.TypeCast.arg ? outputName(node.TypeCast.arg) : '?column?'
    return inner === '?column?' ? (names(node.TypeCast.typeName?.names).at(-1) ?? inner) : inner
  }
  if ('CoalesceExpr' in node) return 'coalesce'
  if ('CaseExpr' in node) return 'case'
  if ('MinMaxExpr' in node) return node.MinMaxExpr.op === 'IS_LEAST' ? 'least' : 'greatest'
  if ('SubLink' in node) return subLinkName(node)
  if ('A_ArrayExpr' in node) return 'array'
  if ('RowExpr' in node) return 'row'
  return '?column?'
}

function subLinkName(node: Extract<Node, { SubLink: unknown }>): string {
  const { subLinkType, subselect } = node.SubLink
  if (subLinkType === 'EXISTS_SUBLINK') return 'exists'
  if (subLinkType === 'ARRAY_SUBLINK') return 'array'
  const [first] = subselect && 'SelectStmt' in subselect ? (subselect.SelectStmt.targetList ?? []) : []
  if (!first || !('ResTarget' in first) || !first.ResTarget.val) return '?column?'
  return first.ResTarget.name ?? outputName(first.ResTarget.val)
}

// --- locks ----------------------------------------------------------------------------------------------------------

/** FOR UPDATE and FOR NO KEY UPDATE need the right to write; FOR SHARE and FOR KEY SHARE the right to lock. */
function walkLock(walk: Walk, lock: LockingClause, scope: Scope): void {
  walk.facts.tags.add('Locking')
  const wanted = (lock.lockedRels ?? []).flatMap((node) => ('RangeVar' in node ? [node.RangeVar.relname ?? ''] : []))
  const writes = lock.strength === 'LCS_FORUPDATE' || lock.strength === 'LCS_FORNOKEYUPDATE'
  for (const { alias, relation } of scope.entries) {
    if (relation === null || (wanted.length > 0 && !wanted.includes(alias))) continue
    walk.facts.effect(writes ? 'Update' : 'Lock', relation, [], 'Filtered')
  }
}
