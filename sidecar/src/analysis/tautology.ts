import type { A_Expr, BoolExpr, Node } from '@pgsql/types'
import { literal } from './literals.ts'
import { childNodes, names, nodeFields } from './node-access.ts'
import type { Effect } from '../model/statement-facts.ts'

/** Whether a column, named as the statement names it, can be null. */
export type NotNull = (column: string) => boolean

/**
 * What a WHERE clause of UPDATE or DELETE selects. `Tautology`: provably every row, or a predicate that does not look at the
 * row at all, so that it selects every row or none. What cannot be proven is `Filtered`; the affected-row guard counts.
 */
export function classifyWhere(where: Node | undefined, notNull: NotNull): Effect['where'] {
  if (!where) return 'None'
  return isTautology(where, notNull) ? 'Tautology' : 'Filtered'
}

function isTautologyOf({ boolop, args = [] }: BoolExpr, notNull: NotNull): boolean {
  if (boolop === 'AND_EXPR') return args.every((arg) => isTautology(arg, notNull))
  if (boolop === 'OR_EXPR')
    return (
      args.some((arg) => isTautology(arg, notNull)) ||
      args.some((arg, index) => hasComplement(arg, args.slice(index + 1)))
    )
  const [arg] = args
  return arg !== undefined && isContradiction(arg, notNull)
}

function isTautology(node: Node, notNull: NotNull): boolean {
  if ('BoolExpr' in node) return isTautologyOf(node.BoolExpr, notNull)
  if ('TypeCast' in node && node.TypeCast.arg) return isTautology(node.TypeCast.arg, notNull)
  if ('NullTest' in node && node.NullTest.arg) {
    const { arg, nulltesttype } = node.NullTest
    if (nulltesttype === 'IS_NOT_NULL') return !looksAtRow(arg) || isNotNullColumn(arg, notNull)
    return !looksAtRow(arg)
  }
  if ('BooleanTest' in node && node.BooleanTest.arg) {
    const { arg, booltesttype } = node.BooleanTest
    if (booltesttype === 'IS_TRUE' || booltesttype === 'IS_NOT_FALSE') return isTautology(arg, notNull)
    if (booltesttype === 'IS_FALSE' || booltesttype === 'IS_NOT_TRUE') return isContradiction(arg, notNull)
    return !looksAtRow(arg)
  }
  if ('A_Expr' in node && looksAtRow(node)) return isReflexive(node.A_Expr)
  if ('CoalesceExpr' in node || 'CaseExpr' in node) return alwaysTrueBranches(node, notNull)
  return !looksAtRow(node)
}

/** Provably no row: its negation is every row. */
function isContradiction(node: Node, notNull: NotNull): boolean {
  if ('BoolExpr' in node) {
    const { boolop, args = [] } = node.BoolExpr
    if (boolop === 'OR_EXPR') return args.every((arg) => isContradiction(arg, notNull))
    if (boolop === 'AND_EXPR') return args.some((arg) => isContradiction(arg, notNull))
    const [arg] = args
    return arg !== undefined && isTautology(arg, notNull)
  }
  if ('NullTest' in node && node.NullTest.arg) {
    const { arg, nulltesttype } = node.NullTest
    return nulltesttype === 'IS_NULL' ? !looksAtRow(arg) || isNotNullColumn(arg, notNull) : !looksAtRow(arg)
  }
  if ('A_Expr' in node && looksAtRow(node)) return isIrreflexive(node.A_Expr)
  return !looksAtRow(node)
}

/** CASE … THEN true ELSE true END, COALESCE(x, true) under comparison with nothing: all that can come out is true. */
function alwaysTrueBranches(node: Node, notNull: NotNull): boolean {
  if ('CaseExpr' in node) {
    const results = (node.CaseExpr.args ?? []).flatMap((arg) =>
      'CaseWhen' in arg && arg.CaseWhen.result ? [arg.CaseWhen.result] : [],
    )
    const { defresult } = node.CaseExpr
    return defresult !== undefined && [...results, defresult].every((result) => isTautology(result, notNull))
  }
  if ('CoalesceExpr' in node) {
    const args = node.CoalesceExpr.args ?? []
    const last = args.at(-1)
    return (
      last !== undefined && isTautology(last, notNull) && args.slice(0, -1).every((arg) => isTautology(arg, notNull))
    )
  }
  return false
}

const reflexive = new Set(['=', '>=', '<=', '~~', '~~*', '@>', '<@', '&&', '~'])
const irreflexive = new Set(['<>', '!=', '<', '>', '!~~', '!~~*', '!~'])
const matchesAll = new Set(['%', '%%', '', '.*', '^', '^.*$', '^.*', '.*$'])

/** `id = id`, `name LIKE '%'`, `id IN (id)`, `id BETWEEN id AND id`. */
function isReflexive(expression: A_Expr): boolean {
  const operator = names(expression.name).at(-1) ?? ''
  const { kind, lexpr, rexpr } = expression
  if (!lexpr || !rexpr) return false
  const pattern = literal(rexpr)
  if (
    kind === 'AEXPR_LIKE' ||
    kind === 'AEXPR_ILIKE' ||
    kind === 'AEXPR_SIMILAR' ||
    operator === '~' ||
    operator === '~*'
  ) {
    if (pattern !== null && /^(?:%+|\^?(?:\.\*)?\$?)$/.test(pattern) && matchesAll.has(pattern.replace(/^%+$/, '%')))
      return !operator.startsWith('!')
  }
  if (kind === 'AEXPR_IN' && operator === '=') return items(rexpr).some((item) => sameText(item, lexpr))
  if (kind === 'AEXPR_BETWEEN' || kind === 'AEXPR_BETWEEN_SYM')
    return items(rexpr).every((item) => sameText(item, lexpr))
  if (kind === 'AEXPR_NOT_DISTINCT') return sameText(lexpr, rexpr)
  return reflexive.has(operator) && sameText(lexpr, rexpr)
}

function isIrreflexive(expression: A_Expr): boolean {
  const operator = names(expression.name).at(-1) ?? ''
  const { kind, lexpr, rexpr } = expression
  if (!lexpr || !rexpr) return false
  if (kind === 'AEXPR_DISTINCT') return sameText(lexpr, rexpr)
  if (kind === 'AEXPR_IN') return operator === '<>' && items(rexpr).some((item) => sameText(item, lexpr))
  return irreflexive.has(operator) && sameText(lexpr, rexpr)
}

function items(node: Node): readonly Node[] {
  return 'List' in node ? (node.List.items ?? []) : [node]
}

/** `a OR NOT a`, `x IS NULL OR x IS NOT NULL`, `x = 1 OR x <> 1`, `x < 5 OR x >= 5`. */
function hasComplement(node: Node, others: readonly Node[]): boolean {
  return others.some((other) => complementary(node, other) || complementary(other, node))
}

const complements: Readonly<Record<string, string>> = { '=': '<>', '<': '>=', '>': '<=', '~~': '!~~' }

function complementary(one: Node, other: Node): boolean {
  if ('BoolExpr' in other && other.BoolExpr.boolop === 'NOT_EXPR') {
    const [arg] = other.BoolExpr.args ?? []
    if (arg && sameText(arg, one)) return true
  }
  if ('NullTest' in one && 'NullTest' in other) {
    const [first, second] = [one.NullTest, other.NullTest]
    return (
      first.nulltesttype !== second.nulltesttype &&
      first.arg !== undefined &&
      second.arg !== undefined &&
      sameText(first.arg, second.arg)
    )
  }
  if (!('A_Expr' in one) || !('A_Expr' in other)) return false
  const [first, second] = [one.A_Expr, other.A_Expr]
  if (!first.lexpr || !first.rexpr || !second.lexpr || !second.rexpr) return false
  return (
    complements[names(first.name).at(-1) ?? ''] === names(second.name).at(-1) &&
    sameText(first.lexpr, second.lexpr) &&
    sameText(first.rexpr, second.rexpr)
  )
}

/** A column is named somewhere, so that the value may differ from row to row. */
function looksAtRow(node: Node): boolean {
  if ('ColumnRef' in node || 'CurrentOfExpr' in node) return true
  return childNodes(nodeFields(node)).some(looksAtRow)
}

function isNotNullColumn(node: Node, notNull: NotNull): boolean {
  return 'ColumnRef' in node && notNull(names(node.ColumnRef.fields).at(-1) ?? '')
}

/** The same expression, wherever it stands. */
function sameText(one: Node, other: Node): boolean {
  return canonical(one) === canonical(other)
}

function canonical(node: Node): string {
  return JSON.stringify(node, (key, value: unknown) =>
    key === 'location' || key.startsWith('list_') ? undefined : value,
  )
}
