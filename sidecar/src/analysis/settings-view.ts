import type { Node } from '@pgsql/types'
import { isHiddenSetting } from './hidden-settings.ts'
import { literal } from './literals.ts'
import { names } from './node-access.ts'
import type { Scope, ScopeColumn } from './scope.ts'
import type { Walk } from './walk.ts'

const settingsView = 'pg_catalog.pg_settings'

/**
 * pg_settings is SHOW by another name: open where the rows asked for are named by literals (`name = 'x'`, `name IN (…)`),
 * and none of them is hidden; as a whole it is for dumps.
 */
export function judgeSettingsView(walk: Walk, scope: Scope, where: Node | undefined): void {
  if (!scope.entries.some((entry) => entry.relation === settingsView)) return
  if (!namesSettings(where)) walk.facts.systemRelations.set(`${settingsView} without names`, 'Dump')
}

/**
 * `set_config(name, …) FROM pg_settings WHERE name = 'x'` sets x, or nothing where the server does not know it: that is how
 * pg_dump sets what only newer servers have.
 * @returns the targets with the literal in place of the column.
 */
export function withSettingName(scope: Scope, where: Node | undefined, targets: readonly Node[]): readonly Node[] {
  const [only, ...others] = scope.entries
  const isView = only?.relation === settingsView && others.length === 0
  if (!isView || !where || !('A_Expr' in where) || where.A_Expr.kind !== 'AEXPR_OP' || !namesSettings(where))
    return targets
  const { rexpr } = where.A_Expr
  return rexpr ? targets.map((target) => withFirstArgument(target, rexpr)) : targets
}

function withFirstArgument(target: Node, name: Node): Node {
  if (!('ResTarget' in target)) return target
  const { val } = target.ResTarget
  if (!val || !('FuncCall' in val) || names(val.FuncCall.funcname).at(-1) !== 'set_config') return target
  const [first, ...rest] = val.FuncCall.args ?? []
  if (!first || !('ColumnRef' in first) || names(first.ColumnRef.fields).at(-1) !== 'name') return target
  return { ResTarget: { ...target.ResTarget, val: { FuncCall: { ...val.FuncCall, args: [name, ...rest] } } } }
}

/** `*` may bring the column, which the server leaves NULL to most roles; by name it is closed. */
export function isOpenInStar({ source }: ScopeColumn): boolean {
  return source?.relation === settingsView && source.column === 'sourcefile'
}

function namesSettings(where: Node | undefined): boolean {
  if (!where) return false
  if ('BoolExpr' in where && where.BoolExpr.boolop === 'AND_EXPR')
    return (where.BoolExpr.args ?? []).some(namesSettings)
  if (!('A_Expr' in where)) return false
  const { kind, name, lexpr, rexpr } = where.A_Expr
  const isEqual = names(name).at(-1) === '=' && (kind === 'AEXPR_OP' || kind === 'AEXPR_IN')
  if (!isEqual || !lexpr || !('ColumnRef' in lexpr) || names(lexpr.ColumnRef.fields).at(-1) !== 'name') return false
  const values = rexpr && 'List' in rexpr ? (rexpr.List.items ?? []) : [rexpr]
  return values.every((value) => {
    const setting = literal(value)
    return setting !== null && !isHiddenSetting(setting.toLowerCase())
  })
}
