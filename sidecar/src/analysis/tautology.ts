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
export function classifyWhere(clause: Node | undefined, notNull: NotNull): Effect['where'] {
  if (!clause) return 'None'
  return isTautology(clause, { notNull, idOf: identify() }) ? 'Tautology' : 'Filtered'
}

interface Where {
  readonly notNull: NotNull
  /** The same for expressions that are the same, wherever they stand. */
  readonly idOf: (node: Node) => string
}

function isTautologyOf({ boolop, args = [] }: BoolExpr, where: Where): boolean {
  if (boolop === 'AND_EXPR') return args.every((arg) => isTautology(arg, where))
  if (boolop === 'OR_EXPR') return args.some((arg) => isTautology(arg, where)) || hasComplement(args, where)
  const [arg] = args
  return arg !== undefined && isContradiction(arg, where)
}

function isTautology(node: Node, where: Where): boolean {
  if ('BoolExpr' in node) return isTautologyOf(node.BoolExpr, where)
  if ('TypeCast' in node && node.TypeCast.arg) return isTautology(node.TypeCast.arg, where)
  if ('NullTest' in node && node.NullTest.arg) {
    const { arg, nulltesttype } = node.NullTest
    if (nulltesttype === 'IS_NOT_NULL') return !looksAtRow(arg) || isNotNullColumn(arg, where.notNull)
    return !looksAtRow(arg)
  }
  if ('BooleanTest' in node && node.BooleanTest.arg) {
    const { arg, booltesttype } = node.BooleanTest
    if (booltesttype === 'IS_TRUE' || booltesttype === 'IS_NOT_FALSE') return isTautology(arg, where)
    if (booltesttype === 'IS_FALSE' || booltesttype === 'IS_NOT_TRUE') return isContradiction(arg, where)
    return !looksAtRow(arg)
  }
  if ('A_Expr' in node && looksAtRow(node)) return isReflexive(node.A_Expr, where)
  if ('CoalesceExpr' in node || 'CaseExpr' in node) return alwaysTrueBranches(node, where)
  return !looksAtRow(node)
}

/** Provably no row: its negation is every row. */
function isContradiction(node: Node, where: Where): boolean {
  if ('BoolExpr' in node) {
    const { boolop, args = [] } = node.BoolExpr
    if (boolop === 'OR_EXPR') return args.every((arg) => isContradiction(arg, where))
    if (boolop === 'AND_EXPR') return args.some((arg) => isContradiction(arg, where))
    const [arg] = args
    return arg !== undefined && isTautology(arg, where)
  }
  if ('NullTest' in node && node.NullTest.arg) {
    const { arg, nulltesttype } = node.NullTest
    return nulltesttype === 'IS_NULL' ? !looksAtRow(arg) || isNotNullColumn(arg, where.notNull) : !looksAtRow(arg)
  }
  if ('A_Expr' in node && looksAtRow(node)) return isIrreflexive(node.A_Expr, where)
  return !looksAtRow(node)
}

/** CASE … THEN true ELSE true END, COALESCE(x, true) under comparison with nothing: all that can come out is true. */
function alwaysTrueBranches(node: Node, where: Where): boolean {
  if ('CaseExpr' in node) {
    const results = (node.CaseExpr.args ?? []).flatMap((arg) =>
      'CaseWhen' in arg && arg.CaseWhen.result ? [arg.CaseWhen.result] : [],
    )
    const { defresult } = node.CaseExpr
    return defresult !== undefined && [...results, defresult].every((result) => isTautology(result, where))
  }
  if ('CoalesceExpr' in node) {
    const args = node.CoalesceExpr.args ?? []
    const last = args.at(-1)
    return last !== undefined && isTautology(last, where) && args.slice(0, -1).every((arg) => isTautology(arg, where))
  }
  return false
}

const reflexive = new Set(['=', '>=', '<=', '~~', '~~*', '@>', '<@', '&&', '~'])
const irreflexive = new Set(['<>', '!=', '<', '>', '!~~', '!~~*', '!~'])
const matchesAll = new Set(['%', '%%', '', '.*', '^', '^.*$', '^.*', '.*$'])

/** `id = id`, `name LIKE '%'`, `id IN (id)`, `id BETWEEN id AND id`. */
function isReflexive(expression: A_Expr, { idOf }: Where): boolean {
  const operator = names(expression.name).at(-1) ?? ''
  const { kind, lexpr, rexpr } = expression
  if (!lexpr || !rexpr) return false
  const left = idOf(lexpr)
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
  if (kind === 'AEXPR_IN' && operator === '=') return items(rexpr).some((item) => idOf(item) === left)
  if (kind === 'AEXPR_BETWEEN' || kind === 'AEXPR_BETWEEN_SYM') return items(rexpr).every((item) => idOf(item) === left)
  if (kind === 'AEXPR_NOT_DISTINCT') return left === idOf(rexpr)
  return reflexive.has(operator) && left === idOf(rexpr)
}

function isIrreflexive(expression: A_Expr, { idOf }: Where): boolean {
  const operator = names(expression.name).at(-1) ?? ''
  const { kind, lexpr, rexpr } = expression
  if (!lexpr || !rexpr) return false
  const left = idOf(lexpr)
  if (kind === 'AEXPR_DISTINCT') return left === idOf(rexpr)
  if (kind === 'AEXPR_IN') return operator === '<>' && items(rexpr).some((item) => idOf(item) === left)
  return irreflexive.has(operator) && left === idOf(rexpr)
}

function items(node: Node): readonly Node[] {
  return 'List' in node ? (node.List.items ?? []) : [node]
}

/** `a OR NOT a`, `x IS NULL OR x IS NOT NULL`, `x = 1 OR x <> 1`, `x < 5 OR x >= 5`. */
function hasComplement(nodes: readonly Node[], where: Where): boolean {
  const known = new Set(nodes.flatMap((node) => [where.idOf(node), ...formOf(node, where, (name) => name)]))
  return nodes.some((node) => complementsOf(node, where).some((form) => known.has(form)))
}

const complements: Readonly<Record<string, string>> = { '=': '<>', '<': '>=', '>': '<=', '~~': '!~~', IS_NULL: 'IS_NOT_NULL' } // prettier-ignore

function complementsOf(node: Node, where: Where): readonly string[] {
  if ('BoolExpr' in node && node.BoolExpr.boolop === 'NOT_EXPR')
    return (node.BoolExpr.args ?? []).map((arg) => where.idOf(arg))
  return formOf(node, where, (name) => complements[name])
}

/** A comparison as what it compares and how; `named` may change how. */
function formOf(node: Node, { idOf }: Where, named: (name: string) => string | undefined): readonly string[] {
  if ('NullTest' in node && node.NullTest.arg) {
    const name = named(node.NullTest.nulltesttype ?? '')
    return name === undefined ? [] : [`${name} ${idOf(node.NullTest.arg)}`]
  }
  if (!('A_Expr' in node) || !node.A_Expr.lexpr || !node.A_Expr.rexpr) return []
  const name = named(names(node.A_Expr.name).at(-1) ?? '')
  return name === undefined ? [] : [`${name} ${idOf(node.A_Expr.lexpr)} ${idOf(node.A_Expr.rexpr)}`]
}

/** A column is named somewhere, so that the value may differ from row to row. */
function looksAtRow(node: Node): boolean {
  if ('ColumnRef' in node || 'CurrentOfExpr' in node) return true
  return childNodes(nodeFields(node)).some(looksAtRow)
}

function isNotNullColumn(node: Node, notNull: NotNull): boolean {
  return 'ColumnRef' in node && notNull(names(node.ColumnRef.fields).at(-1) ?? '')
}

/** Numbers for expressions, each part looked at once: without it, long lists compared with each other take minutes. */
function identify(): (node: Node) => string {
  const numbers = new Map<string, number>()
  const seen = new WeakMap<object, string>()
  const idOf = (value: unknown): string => {
    if (typeof value !== 'object' || value === null) return JSON.stringify(value)
    const known = seen.get(value)
    if (known !== undefined) return known
    const parts = Object.entries(value as Readonly<Record<string, unknown>>).flatMap(([key, item]) =>
      key === 'location' || key.startsWith('list_') ? [] : [`${key}:${idOf(item)}`],
    )
    const text = parts.join()
    const number = numbers.get(text) ?? numbers.size
    numbers.set(text, number)
    seen.set(value, `#${number}`)
    return `#${number}`
  }
  return idOf
}
