import type { Alias, RangeVar } from '@pgsql/types'
import type { CatalogColumn, CatalogRelation } from './catalog.ts'
import { FactsBuilder } from './facts-builder.ts'
import { names } from './node-access.ts'
import { parseDefinition } from './parse-statements.ts'
import { constant, constantOf, derivedFrom, Scope, type ScopeColumn, type ScopeEntry, type Value } from './scope.ts'
import { isSystemSchema, relationProfile } from './system-relations.ts'
import type { Walk } from './walk.ts'

/** Finds the relation a name means, as the server does: pg_catalog first unless the path says otherwise, pg_temp never. */
export function resolveRelation(walk: Walk, name: RangeVar): CatalogRelation | null {
  const { relname = '', schemaname, catalogname } = name
  if (catalogname !== undefined && catalogname !== walk.database) return null
  if (schemaname !== undefined) return walk.catalog.relation(`${schemaname}.${relname}`)
  for (const schema of pathOf(walk)) {
    const found = walk.catalog.relation(`${schema}.${relname}`)
    if (found) return found
  }
  return null
}

/** Schemas in the order names are looked up in. */
export function pathOf(walk: Walk): readonly string[] {
  return walk.searchPath.includes('pg_catalog') ? walk.searchPath : ['pg_catalog', ...walk.searchPath]
}

export function qualifiedName(relation: Pick<CatalogRelation, 'schema' | 'name'>): string {
  return `${relation.schema}.${relation.name}`
}

export function displayName(name: RangeVar): string {
  return [name.schemaname, name.relname].filter((part) => part !== undefined).join('.')
}

/** A relation of FROM: its columns with where they come from, and the effect of reading it. */
export function relationEntry(
  walk: Walk,
  relation: CatalogRelation,
  alias: Alias | undefined,
  reads: boolean,
): ScopeEntry {
  const qualified = qualifiedName(relation)
  if (isSystemSchema(relation.schema)) {
    walk.facts.systemRelations.set(qualified, relationProfile(relation.schema, relation.name))
  } else if (reads) {
    walk.facts.effect('Select', qualified)
    walk.facts.readsData = true
  }
  const renamed = names(alias?.colnames)
  return {
    alias: alias?.aliasname ?? relation.name,
    qualified: alias === undefined ? qualified : null,
    relation: qualified,
    columns: relationColumns(walk, relation).map((column, index) => ({
      ...column,
      name: renamed[index] ?? column.name,
    })),
    open: null,
  }
}

/** Columns of a relation in the order of `*`. */
export function relationColumns(walk: Walk, relation: CatalogRelation): readonly ScopeColumn[] {
  const qualified = qualifiedName(relation)
  const values = relation.definition === null ? null : viewValues(walk, relation)
  return relation.columns.map((column, index) => ({
    name: column.name,
    value: values ? (values[index] ?? constant) : columnValue(walk, relation, column),
    source: { relation: qualified, column: column.name },
  }))
}

/** A table's column under all its names: those of the tables it inherits from, and of those that inherit from it. */
function columnValue(walk: Walk, relation: CatalogRelation, column: CatalogColumn): Value {
  if (isSystemSchema(relation.schema)) return constantOf(column.typeOid)
  const own = `${qualifiedName(relation)}.${column.name}`
  const kin = [...relation.ancestors, ...relation.descendants].flatMap((oid) => {
    const other = walk.catalog.relationByOid(oid)
    return other?.columns.some(({ name }) => name === column.name) ? [`${qualifiedName(other)}.${column.name}`] : []
  })
  const root = relation.ancestors
    .map((oid) => walk.catalog.relationByOid(oid))
    .find((other) => other?.ancestors.length === 0 && other.columns.some(({ name }) => name === column.name))
  const columns = new Set([own, ...kin])
  if (column.generated !== null) {
    for (const source of generatedFrom(walk, relation, column.generated)) columns.add(source)
    return { columns, plain: null, type: column.typeOid }
  }
  const plain = { column: root ? `${qualifiedName(root)}.${column.name}` : own, type: column.typeOid }
  return { columns, plain, type: column.typeOid }
}

/** Columns a generated column is computed from. */
function generatedFrom(walk: Walk, relation: CatalogRelation, expression: string): ReadonlySet<string> {
  return walk.catalog.remember(`generated ${relation.oid} ${expression}`, () => {
    const facts = new FactsBuilder()
    const scope = new Scope(null)
    const qualified = qualifiedName(relation)
    scope.enter({
      alias: relation.name,
      qualified,
      relation: qualified,
      open: null,
      columns: relation.columns.map(({ name, typeOid }) => ({
        name,
        value: derivedFrom([{ columns: new Set([`${qualified}.${name}`]), plain: null, type: typeOid }], typeOid),
        source: null,
      })),
    })
    const node = parseDefinition(`SELECT (${expression})`)
    const [target] = node && 'SelectStmt' in node ? (node.SelectStmt.targetList ?? []) : []
    const value = target && 'ResTarget' in target ? target.ResTarget.val : undefined
    if (value) walk.detached(facts).expression(value, scope, 'Derived')
    // What cannot be taken apart may be made of every column.
    const isKnown = value !== undefined && facts.problems.length === 0
    return isKnown ? facts.read : new Set(relation.columns.map(({ name }) => `${qualified}.${name}`))
  })
}

/** What a view's columns come from, by its definition. Functions it calls are the statement's, too: reading it runs them. */
function viewValues(walk: Walk, relation: CatalogRelation): readonly Value[] {
  const analysis = viewAnalysis(walk, relation)
  if (relation.kind === 'View') {
    for (const [name, use] of analysis.facts.functions) walk.facts.functions.set(name, use)
    for (const [name, profile] of analysis.facts.systemRelations) walk.facts.systemRelations.set(name, profile)
  }
  // Where its columns come from is not known then.
  for (const { reason, object } of analysis.facts.problems)
    walk.facts.problem(reason, `${object} in ${qualifiedName(relation)}`)
  const qualified = qualifiedName(relation)
  return relation.columns.map(({ name, typeOid }, index) => {
    const value = analysis.columns?.[index]
    const own = `${qualified}.${name}`
    if (!value) return { columns: new Set([own, ...analysis.facts.read]), plain: null, type: typeOid }
    if (value.columns.size === 0)
      return { columns: new Set([own]), plain: { column: own, type: typeOid }, type: typeOid }
    return { columns: new Set([own, ...value.columns]), plain: value.plain, type: typeOid }
  })
}

/** The tables a write goes to: the relation, its children and parents, and behind a view whatever it reads. */
export function baseRelations(walk: Walk, relation: CatalogRelation): readonly CatalogRelation[] {
  return walk.catalog.remember(`bases ${relation.oid}`, () => {
    const found = new Set<CatalogRelation>()
    const open: CatalogRelation[] = [relation]
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (found.has(next)) continue
      found.add(next)
      open.push(...walk.catalog.kin(next))
      if (next.kind !== 'View') continue
      for (const { relation: name } of viewAnalysis(walk, next).facts.effects()) {
        const read = walk.catalog.relation(name)
        if (read) open.push(read)
      }
    }
    return [...found]
  })
}

interface ViewAnalysis {
  readonly facts: FactsBuilder
  /** Null: the definition could not be taken apart; then every column counts as made of all that it reads. */
  readonly columns: readonly Value[] | null
}

function viewAnalysis(walk: Walk, relation: CatalogRelation): ViewAnalysis {
  return walk.catalog.remember(`view ${relation.oid}`, () => analyzeView(walk, relation))
}

function analyzeView(walk: Walk, relation: CatalogRelation): ViewAnalysis {
  const facts = new FactsBuilder()
  const node = parseDefinition(relation.definition ?? '')
  if (!node || !('SelectStmt' in node)) {
    facts.problem('unsupported-statement', 'definition')
    return { facts, columns: null }
  }
  const { columns, complete } = walk.detached(facts).query(node.SelectStmt, null)
  const usable = complete && facts.problems.length === 0 && columns.length === relation.columns.length
  return { facts, columns: usable ? columns.map(({ value }) => value) : null }
}

/** Every column of an entry as one value: a whole-row reference. */
export function wholeRow(entry: ScopeEntry): Value {
  return derivedFrom([...entry.columns.map(({ value }) => value), ...(entry.open ? [entry.open] : [])])
}
