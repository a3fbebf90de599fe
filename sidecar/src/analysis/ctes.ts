import type { CommonTableExpr, Node, WithClause } from '@pgsql/types'
import { noteAll } from './names.ts'
import { childNodes, names, nodeFields } from './node-access.ts'
import { derivedFrom, Scope, type ScopeColumn, type Value } from './scope.ts'
import type { QueryColumns, Walk } from './walk.ts'

/** A CTE sees those before it; with RECURSIVE also itself and those behind it, as long as they do not go in a circle. */
export function defineCtes(walk: Walk, clause: WithClause, scope: Scope): void {
  const ctes = (clause.ctes ?? []).flatMap((node) => ('CommonTableExpr' in node ? [node.CommonTableExpr] : []))
  for (const cte of clause.recursive === true ? inOrder(walk, ctes) : ctes) defineCte(walk, cte, clause, scope)
}

/** Those that others name come first, as the server sorts them (parse_cte.c, TopologicalSort). */
function inOrder(walk: Walk, ctes: readonly CommonTableExpr[]): readonly CommonTableExpr[] {
  const sorted: CommonTableExpr[] = []
  const open = [...ctes]
  while (open.length > 0) {
    const next = open.findIndex((cte) => !open.some((other) => other !== cte && isNamedBy(walk, cte, other)))
    if (next < 0) {
      walk.facts.problem('unsupported-statement', 'queries of WITH that name each other')
      return []
    }
    sorted.push(...open.splice(next, 1))
  }
  return sorted
}

function isNamedBy(walk: Walk, cte: CommonTableExpr, other: CommonTableExpr): boolean {
  return cte.ctequery !== undefined && mentions(walk, cte.ctequery, other.ctename ?? '')
}

function defineCte(walk: Walk, cte: CommonTableExpr, clause: WithClause, scope: Scope): void {
  const { ctename = '', aliascolnames, ctequery } = cte
  if (!ctequery) return
  const isRecursive = clause.recursive === true && mentions(walk, ctequery, ctename)
  if (!isRecursive && addedColumns(cte).length > 0)
    walk.facts.problem('unsupported-statement', 'SEARCH or CYCLE of no recursion')
  const body = isRecursive ? recursiveBody(walk, cte, ctequery, scope) : walk.cteBody(ctequery, scope)
  const columns = rename(body.columns, names(aliascolnames))
  scope.ctes.set(ctename, { columns: [...columns, ...trail(walk, cte, columns)], complete: body.complete })
}

/** Names of the columns that SEARCH and CYCLE add. */
function addedColumns({ search_clause: search, cycle_clause: cycle }: CommonTableExpr): readonly string[] {
  const named = [search?.search_seq_column, cycle?.cycle_mark_column, cycle?.cycle_path_column]
  return named.filter((name) => name !== undefined)
}

/** They are made of the columns that are searched by, which decide what comes; the mark of the values given for it. */
function trail(walk: Walk, cte: CommonTableExpr, columns: readonly ScopeColumn[]): readonly ScopeColumn[] {
  const added = addedColumns(cte)
  if (added.length === 0) return []
  const { search_clause: search, cycle_clause: cycle } = cte
  const by = new Set([...names(search?.search_col_list), ...names(cycle?.cycle_col_list)])
  const used = columns.filter(({ name }) => by.has(name))
  noteAll(walk, used, 'Predicate')
  for (const node of [cycle?.cycle_mark_value, cycle?.cycle_mark_default])
    if (node) walk.expression(node, new Scope(null), 'Derived')
  const value = derivedFrom(columns.map((column) => column.value))
  return added.map((name) => ({ name, value, source: null }))
}

function mentions(walk: Walk, node: Node, name: string): boolean {
  walk.facts.effort.spend(1)
  if ('RangeVar' in node) return node.RangeVar.relname === name && node.RangeVar.schemaname === undefined
  return childNodes(nodeFields(node)).some((child) => mentions(walk, child, name))
}

/** Each round may move any column to any place: every column of a recursive CTE is made of all that it reads. */
function recursiveBody(walk: Walk, cte: CommonTableExpr, query: Node, scope: Scope): QueryColumns {
  if (!('SelectStmt' in query) || !query.SelectStmt.larg || query.SelectStmt.op !== 'SETOP_UNION') {
    walk.facts.problem('unsupported-statement', 'recursive query of this form')
    return { columns: [], complete: false }
  }
  const outer = new Scope(scope)
  if (query.SelectStmt.withClause) defineCtes(walk, query.SelectStmt.withClause, outer)
  const first = walk.query(query.SelectStmt.larg, outer)
  const all = derivedFrom(first.columns.map(({ value }) => value))
  const named = rename(first.columns, names(cte.aliascolnames))
  const blurred = (value: Value): readonly ScopeColumn[] =>
    named.map(({ name, value: { type } }) => ({ name, value: derivedFrom([value], type), source: null }))
  const inner = new Scope(scope)
  const trailing = addedColumns(cte).map((name): ScopeColumn => ({ name, value: all, source: null }))
  inner.ctes.set(cte.ctename ?? '', { columns: [...blurred(all), ...trailing], complete: first.complete })
  const whole = walk.query(query.SelectStmt, inner)
  const value = derivedFrom([all, ...whole.columns.map((column) => column.value)])
  return { columns: blurred(value), complete: whole.complete }
}

export function rename(columns: readonly ScopeColumn[], renamed: readonly string[]): readonly ScopeColumn[] {
  return columns.map((column, index) => ({ ...column, name: renamed[index] ?? column.name }))
}
