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
