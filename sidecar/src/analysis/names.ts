import type { ColumnRef } from '@pgsql/types'
import { mayCall } from './functions.ts'
import { names } from './node-access.ts'
import { wholeRow } from './relations.ts'
import { constant, derivedFrom, type Scope, type ScopeColumn, type ScopeEntry, type Value } from './scope.ts'
import { columnProfile, isSystemSchema } from './system-relations.ts'
import type { Use, Walk } from './walk.ts'

/** What is inside an expression is not shown as it is. */
export function within(use: Use): Use {
  return use === 'Predicate' ? 'Predicate' : 'Derived'
}

export function walkColumn(walk: Walk, reference: ColumnRef, scope: Scope, use: Use): Value {
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

/**
 * A name alone is a column, of the innermost query that has one, or else a whole row (parse_expr.c, transformColumnRef).
 * Where a function's columns are not known it may be one of these, and what it is further out besides.
 */
function walkName(walk: Walk, name: string, scope: Scope, use: Use): Value {
  const open: Value[] = []
  for (let level: Scope | null = scope; level; level = level.parent) {
    const value = columnOf(walk, level, name, open.length > 0 ? within(use) : use)
    if (value) return open.length > 0 ? noteValue(walk, derivedFrom([value, ...open]), within(use)) : value
    for (const entry of level.entries) if (entry.open) open.push(entry.open)
    if (systemColumns.has(name) && level.entries.some(({ relation }) => relation !== null)) return constant
  }
  const row = findEntry(scope, name)
  if (row) open.push(noteRow(walk, row, within(use)))
  if (open.length === 0) return unknown(walk, name)
  // The row of a function whose columns are not known is its result.
  const type = row?.columns.length === 0 ? (row.open?.type ?? null) : null
  return noteValue(walk, derivedFrom(open, type), within(use))
}

function columnOf(walk: Walk, level: Scope, name: string, use: Use): Value | null {
  const merged = level.merged.get(name)
  if (merged) return noteValue(walk, merged, use)
  const found = level.columns(name)
  const [only] = found
  if (only && found.length === 1) return note(walk, only, use)
  return found.length === 0 ? null : derivedFrom(found.map((column) => note(walk, column, within(use))))
}

function walkQualified(walk: Walk, path: readonly string[], scope: Scope, use: Use): Value {
  const entry = findQualifiedEntry(walk, scope, path.slice(0, -1))
  const name = path.at(-1) ?? ''
  if (!entry) return unknown(walk, path.join('.'))
  const column = entry.columns.find((each) => each.name === name)
  if (column) return note(walk, column, use)
  if (systemColumns.has(name) && entry.relation !== null) return constant
  // Attribute notation: `c.f` calls f(c).
  const row = noteRow(walk, entry, within(use))
  if (!mayCall(walk, name, row) && !entry.open) return unknown(walk, path.join('.'))
  return row
}

const systemColumns = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid'])

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
  facts.effort.spend(1 + value.columns.size)
  for (const column of value.columns) {
    facts.read.add(column)
    if (use === 'Predicate') facts.predicate.add(column)
    else if (use === 'Derived' || column !== value.plain?.column) facts.derived.add(column)
  }
  return value
}

export function noteRow(walk: Walk, entry: ScopeEntry, use: Use): Value {
  for (const column of entry.columns) note(walk, column, use)
  if (entry.open) noteValue(walk, entry.open, use)
  return wholeRow(entry)
}

export function noteAll(walk: Walk, columns: readonly ScopeColumn[], use: Use): Value {
  return derivedFrom(columns.map((column) => noteValue(walk, column.value, use)))
}
