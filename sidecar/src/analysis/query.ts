import type { LockingClause, Node, RangeVar, ResTarget, SelectStmt } from '@pgsql/types'
import { commonType } from './coercion.ts'
import { defineCtes } from './ctes.ts'
import { addFrom } from './from.ts'
import { findEntry, findQualifiedEntry, note, noteAll } from './names.ts'
import { childNodes, names, nodeFields, nodeKind } from './node-access.ts'
import { displayName } from './relations.ts'
import { isOpenInStar, judgeSettingsView, withSettingName } from './settings-view.ts'
import { derivedFrom, Scope, type FromItem, type ScopeColumn, type Value } from './scope.ts'
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
  const targets = withSettingName(scope, select.whereClause, select.targetList ?? [])
  const outputs = walkTargets(walk, targets, scope)
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
    if ('SortBy' in sort && sort.SortBy.node) {
      walkReference(walk, sort.SortBy.node, scope, outputs, false)
      if (sort.SortBy.useOp) walk.expression(sort, scope, 'Predicate')
    }
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
  const members = inputFirst ? groupingMembers(node) : null
  if (members) {
    for (const each of members) walkReference(walk, each, scope, outputs, true)
    return
  }
  const [name, ...more] = 'ColumnRef' in node ? names(node.ColumnRef.fields) : []
  const named = name !== undefined && more.length === 0 ? outputs.filter((output) => output.name === name) : []
  if (named.length > 0) noteAll(walk, named, 'Predicate')
  if (named.length > 0 && !(inputFirst && name !== undefined && isInput(scope, name))) return
  walk.expression(node, scope, 'Predicate')
}

/** What ROLLUP, CUBE and GROUPING SETS put together; `(a, b)` in them is two of these. */
function groupingMembers(node: Node): readonly Node[] | null {
  if ('GroupingSet' in node) return node.GroupingSet.content ?? []
  if ('RowExpr' in node && node.RowExpr.row_format === 'COERCE_IMPLICIT_CAST') return node.RowExpr.args ?? []
  return null
}

function isInput(scope: Scope, name: string): boolean {
  return scope.merged.has(name) || scope.columns(name).length > 0
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
  const type = commonType([left.value.type, right.value.type])
  if (left.value.columns.size === 0) return { ...right.value, type }
  if (right.value.columns.size === 0) return { ...left.value, type }
  if (left.value.plain && left.value.plain.column === right.value.plain?.column) return { ...left.value, type }
  noteAll(walk, [left, right], 'Derived')
  return derivedFrom([left.value, right.value], type)
}

function walkValues(walk: Walk, select: SelectStmt, outer: Scope): QueryColumns {
  const columns: Value[] = []
  for (const list of select.valuesLists ?? []) {
    if (!('List' in list)) continue
    for (const [index, item] of (list.List.items ?? []).entries()) {
      const value = walk.expression(item, outer, 'Derived')
      const known = columns[index]
      columns[index] = known
        ? derivedFrom([known, value], commonType([known.type, value.type]))
        : derivedFrom([value], value.type)
    }
  }
  const outputs = columns.map((value, index): ScopeColumn => ({ name: `column${index + 1}`, value, source: null }))
  walkTail(walk, select, new Scope(outer), outputs)
  return { columns: outputs, complete: true }
}

// --- the target list ------------------------------------------------------------------------------------------------

/** Outputs in order, `*` expanded as the server does: of each join first what USING merged, once. */
export function walkTargets(walk: Walk, targets: readonly Node[], scope: Scope): QueryColumns {
  const columns: ScopeColumn[] = []
  let complete = true
  for (const node of targets) {
    if (columns.length > maxTargets) {
      walk.facts.problem('statement-too-large', `more than ${maxTargets} columns`)
      return { columns: [], complete: false }
    }
    if (!('ResTarget' in node)) {
      walk.facts.problem('unsupported-statement', nodeKind(node))
      continue
    }
    const star = starItems(walk, node.ResTarget, scope)
    if (star) {
      columns.push(...star.flatMap((item) => expandStar(walk, item)))
      if (star.some(({ open }) => open !== null)) complete = false
      continue
    }
    const { name, val } = node.ResTarget
    if (!val) continue
    if (isCompositeStar(val)) complete = false
    columns.push({ name: name ?? outputName(val), value: walk.expression(val, scope, 'Output'), source: null })
  }
  return { columns, complete }
}

/** MaxTupleAttributeNumber, access/htup_details.h. */
const maxTargets = 1664

function starItems(walk: Walk, target: ResTarget, scope: Scope): readonly FromItem[] | null {
  const path = target.val ? starPath(target.val) : null
  if (!path) return null
  if (path.length === 0) return scope.items
  const entry = path.length === 1 ? findEntry(scope, path[0] ?? '') : findQualifiedEntry(walk, scope, path)
  return entry ? [entry] : null
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

function expandStar(walk: Walk, { columns, open }: FromItem): readonly ScopeColumn[] {
  if (open) noteAll(walk, [{ name: '', value: open, source: null }], 'Derived')
  return columns
    .map((column) => (isOpenInStar(column) ? { ...column, source: null } : column))
    .map((column) => ({ ...column, value: note(walk, column, 'Output') }))
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
  for (const { alias, relation, isSubquery } of scope.entries) {
    if (wanted.length > 0 && !wanted.includes(alias)) continue
    for (const name of isSubquery === true ? readSoFar(walk) : relation === null ? [] : [relation])
      walk.facts.effect(writes ? 'Update' : 'Lock', name, [], 'Filtered')
  }
}

/** The tables of a query in FROM are among these. */
function readSoFar(walk: Walk): readonly string[] {
  return walk.facts.effects().flatMap(({ operation, relation }) => (operation === 'Select' ? [relation] : []))
}
