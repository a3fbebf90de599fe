import type { DeleteStmt, InsertStmt, MergeStmt, Node, RangeVar, ReturningClause, UpdateStmt } from '@pgsql/types'
import type { CatalogRelation } from './catalog.ts'
import { defineCtes } from './ctes.ts'
import { useConversion } from './functions.ts'
import { addFrom } from './from.ts'
import { noteAll } from './names.ts'
import { walkTargets } from './query.ts'
import { displayName, qualifiedName, relationEntry, resolveRelation } from './relations.ts'
import { Scope, type ScopeEntry, type Value } from './scope.ts'
import { isSystemSchema } from './system-relations.ts'
import { classifyWhere } from './tautology.ts'
import type { QueryColumns, Walk } from './walk.ts'
import { noteWriteEffects } from './write-effects.ts'

/** What a write does to rows, and the columns RETURNING gives; null without RETURNING. */
export interface Written {
  readonly outputs: QueryColumns | null
  /** The tag tells how many rows; false where other relations change, too. */
  readonly measurable: boolean
}

const nothing: Written = { outputs: null, measurable: false }

interface Target {
  readonly relation: CatalogRelation
  readonly name: string
  readonly entry: ScopeEntry
}

/** A CTE is never the target of a write. */
function resolveTarget(walk: Walk, name: RangeVar | undefined): Target | null {
  const relation = name ? resolveRelation(walk, name) : null
  if (!name || !relation) {
    walk.facts.problem('unknown-object', name ? displayName(name) : 'target')
    return null
  }
  if (isSystemSchema(relation.schema)) walk.facts.problem('protected-catalog', qualifiedName(relation))
  if (relation.hasRules) walk.facts.problem('unsupported-statement', `rules on ${qualifiedName(relation)}`)
  return { relation, name: qualifiedName(relation), entry: relationEntry(walk, relation, name.alias, false) }
}

/** The columns written count under all their names. */
function written(walk: Walk, target: Target, columns: readonly string[]): void {
  for (const name of columns) {
    const column = target.entry.columns.find((each) => each.source?.column === name)
    if (!column) {
      walk.facts.problem('unknown-object', `${target.name}.${name}`)
      continue
    }
    walk.facts.written.add(`${target.name}.${name}`)
    for (const each of column.value.columns) walk.facts.written.add(each)
  }
}

/** RETURNING sees the row before and after as `old` and `new` (from 18 on), or as it names them. */
function returning(
  walk: Walk,
  clause: ReturningClause | undefined,
  scope: Scope,
  { entry }: Target,
): QueryColumns | null {
  if (!clause?.exprs) return null
  walk.facts.tags.add('Returning')
  const named = new Map([['RETURNING_OPTION_OLD', 'old'], ['RETURNING_OPTION_NEW', 'new']]) // prettier-ignore
  for (const option of clause.options ?? [])
    if ('ReturningOption' in option) named.set(option.ReturningOption.option ?? '', option.ReturningOption.value ?? '')
  const rows = new Scope(scope.parent)
  for (const alias of named.values()) rows.enter({ ...entry, alias, qualified: null })
  const inner = new Scope(rows)
  inner.enter(...scope.entries)
  inner.items.push(...scope.items)
  for (const [name, value] of scope.merged) inner.merged.set(name, value)
  return walkTargets(walk, clause.exprs, inner)
}

function scopeOf(target: Target, outer: Scope): Scope {
  const scope = new Scope(outer)
  scope.enter(target.entry)
  scope.items.push(target.entry)
  return scope
}

/** Values become of the columns' types; what converts them may be a function of a user. */
function assign(walk: Walk, target: Target, columns: readonly string[], values: readonly Value[]): void {
  for (const [index, { type }] of values.entries()) {
    const column = target.relation.columns.find(({ name }) => name === columns[index])
    if (column) useConversion(walk, type, column.typeOid, 'Assignment')
  }
}

function targetNames(list: readonly Node[] | undefined): readonly string[] {
  return (list ?? []).flatMap((node) =>
    'ResTarget' in node && node.ResTarget.name !== undefined ? [node.ResTarget.name] : [],
  )
}

function assignments(walk: Walk, target: Target, list: readonly Node[] | undefined, scope: Scope): void {
  for (const node of list ?? []) {
    if (!('ResTarget' in node)) continue
    const { name = '', val } = node.ResTarget
    if (val) assign(walk, target, [name], [walk.expression(val, scope, 'Derived')])
    for (const step of node.ResTarget.indirection ?? [])
      if ('A_Indices' in step) walk.expression(step, scope, 'Derived')
  }
}

export function walkInsert(walk: Walk, insert: InsertStmt, parent: Scope | null): Written {
  const outer = new Scope(parent)
  if (insert.withClause) defineCtes(walk, insert.withClause, outer)
  const target = resolveTarget(walk, insert.relation)
  if (!target) return nothing
  const named = targetNames(insert.cols)
  const columns = insert.cols ? named : target.relation.columns.map(({ name }) => name)
  walk.facts.effect('Insert', target.name, columns, 'Filtered')
  written(walk, target, columns)
  if (insert.selectStmt && 'SelectStmt' in insert.selectStmt) {
    // What is written can be read again under another name: nothing masked may flow in.
    const source = walk.query(insert.selectStmt.SelectStmt, outer).columns
    noteAll(walk, source, 'Derived')
    assign(walk, target, columns, source.map(({ value }) => value)) // prettier-ignore
  }
  let more = noteWriteEffects(walk, target.relation, 'Insert')
  const scope = scopeOf(target, outer)
  const conflict = insert.onConflictClause
  if (conflict) {
    for (const node of conflict.infer?.indexElems ?? []) {
      if (!('IndexElem' in node)) continue
      if (node.IndexElem.name !== undefined)
        walk.expression({ ColumnRef: { fields: [{ String: { sval: node.IndexElem.name } }] } }, scope, 'Predicate')
      if (node.IndexElem.expr) walk.expression(node.IndexElem.expr, scope, 'Predicate')
    }
    if (conflict.infer?.whereClause) walk.expression(conflict.infer.whereClause, scope, 'Predicate')
    if (conflict.action === 'ONCONFLICT_UPDATE') {
      const inner = new Scope(outer)
      inner.enter(target.entry, { ...target.entry, alias: 'excluded', qualified: null })
      const changed = targetNames(conflict.targetList)
      walk.facts.effect('Update', target.name, changed, 'Filtered')
      written(walk, target, changed)
      assignments(walk, target, conflict.targetList, inner)
      more = noteWriteEffects(walk, target.relation, 'Update', changed) || more
      if (conflict.whereClause) walk.expression(conflict.whereClause, inner, 'Predicate')
    }
  }
  return { outputs: returning(walk, insert.returningClause, scope, target), measurable: !more }
}

export function walkUpdate(walk: Walk, update: UpdateStmt, parent: Scope | null): Written {
  const outer = new Scope(parent)
  if (update.withClause) defineCtes(walk, update.withClause, outer)
  const target = resolveTarget(walk, update.relation)
  if (!target) return nothing
  const scope = scopeOf(target, outer)
  for (const item of update.fromClause ?? []) addFrom(walk, item, scope, outer)
  const changed = targetNames(update.targetList)
  walk.facts.effect('Update', target.name, changed, classifyWhere(update.whereClause, notNullOf(target)))
  written(walk, target, changed)
  assignments(walk, target, update.targetList, scope)
  if (update.whereClause) walk.expression(update.whereClause, scope, 'Predicate')
  const measurable = !noteWriteEffects(walk, target.relation, 'Update', changed)
  return { outputs: returning(walk, update.returningClause, scope, target), measurable }
}

export function walkDelete(walk: Walk, remove: DeleteStmt, parent: Scope | null): Written {
  const outer = new Scope(parent)
  if (remove.withClause) defineCtes(walk, remove.withClause, outer)
  const target = resolveTarget(walk, remove.relation)
  if (!target) return nothing
  const scope = scopeOf(target, outer)
  for (const item of remove.usingClause ?? []) addFrom(walk, item, scope, outer)
  walk.facts.effect('Delete', target.name, [], classifyWhere(remove.whereClause, notNullOf(target)))
  if (remove.whereClause) walk.expression(remove.whereClause, scope, 'Predicate')
  const measurable = !noteWriteEffects(walk, target.relation, 'Delete')
  return { outputs: returning(walk, remove.returningClause, scope, target), measurable }
}

function notNullOf(target: Target): (column: string) => boolean {
  return (name) => target.relation.columns.some((column) => column.name === name && column.notNull)
}

/** MERGE does what its branches do. */
export function walkMerge(walk: Walk, merge: MergeStmt, parent: Scope | null): Written {
  const outer = new Scope(parent)
  if (merge.withClause) defineCtes(walk, merge.withClause, outer)
  const target = resolveTarget(walk, merge.relation)
  if (!target) return nothing
  const scope = scopeOf(target, outer)
  // RETURNING * gives the source first.
  const own = scope.items.splice(0)
  if (merge.sourceRelation) addFrom(walk, merge.sourceRelation, scope, outer)
  scope.items.push(...own)
  if (merge.joinCondition) walk.expression(merge.joinCondition, scope, 'Predicate')
  let more = false
  for (const node of merge.mergeWhenClauses ?? []) {
    if (!('MergeWhenClause' in node)) continue
    const { commandType, condition, targetList, values } = node.MergeWhenClause
    if (condition) walk.expression(condition, scope, 'Predicate')
    const named = targetNames(targetList)
    if (commandType === 'CMD_UPDATE') {
      walk.facts.effect('Update', target.name, named, 'Filtered')
      written(walk, target, named)
      assignments(walk, target, targetList, scope)
      more = noteWriteEffects(walk, target.relation, 'Update', named) || more
    } else if (commandType === 'CMD_INSERT') {
      const columns = named.length > 0 ? named : target.relation.columns.map(({ name }) => name)
      walk.facts.effect('Insert', target.name, columns, 'Filtered')
      written(walk, target, columns)
      const given = (values ?? []).map((value) => walk.expression(value, scope, 'Derived'))
      assign(walk, target, columns, given)
      more = noteWriteEffects(walk, target.relation, 'Insert') || more
    } else if (commandType === 'CMD_DELETE') {
      walk.facts.effect('Delete', target.name, [], 'Filtered')
      more = noteWriteEffects(walk, target.relation, 'Delete') || more
    } else if (commandType !== 'CMD_NOTHING') {
      walk.facts.problem('unsupported-statement', `MERGE ${commandType ?? ''}`)
    }
  }
  return { outputs: returning(walk, merge.returningClause, scope, target), measurable: !more }
}
