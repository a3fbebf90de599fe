import type { Node, TransactionStmt, VariableSetStmt } from '@pgsql/types'
import type { SessionAction, SettingChange, TransactionVerb } from '../model/statement-facts.ts'
import { isHiddenSetting } from './hidden-settings.ts'
import { literal } from './literals.ts'
import { done, none, type Outcome } from './outcome.ts'
import { constant } from './scope.ts'
import type { Walk } from './walk.ts'

const verbs: Readonly<Record<string, TransactionVerb>> = {
  TRANS_STMT_BEGIN: 'Begin',
  TRANS_STMT_START: 'Begin',
  TRANS_STMT_COMMIT: 'Commit',
  TRANS_STMT_ROLLBACK: 'Rollback',
  TRANS_STMT_SAVEPOINT: 'Savepoint',
  TRANS_STMT_RELEASE: 'Release',
  TRANS_STMT_ROLLBACK_TO: 'RollbackTo',
}

export function transaction(walk: Walk, node: Node): Outcome {
  const statement: TransactionStmt = 'TransactionStmt' in node ? node.TransactionStmt : {}
  const verb = verbs[statement.kind ?? '']
  if (!verb) walk.facts.problem('transaction-mode', (statement.kind ?? '').replace('TRANS_STMT_', ''))
  noteModes(walk, statement.options ?? [], '')
  const name = statement.savepoint_name
  const action: SessionAction = {
    kind: 'Transaction',
    verb: verb ?? 'PrepareTransaction',
    ...(name === undefined ? {} : { name }),
  }
  return { action, outputs: null, measurable: false }
}

function noteModes(walk: Walk, options: readonly Node[], prefix: string): void {
  for (const option of options) {
    if (!('DefElem' in option)) continue
    const { defname = '', arg } = option.DefElem
    const value = literal(arg)
    const isSwitch = defname !== 'transaction_isolation'
    walk.facts.settings.push({
      name: `${prefix}${defname}`,
      value: isSwitch ? (value === '1' || value === 'on' ? 'on' : 'off') : value,
      opaque: value === null,
    })
  }
}

export function set(walk: Walk, node: Node): Outcome {
  const { kind, name = '', args = [] }: VariableSetStmt = 'VariableSetStmt' in node ? node.VariableSetStmt : {}
  walk.facts.tags.add('Utility')
  if (kind === 'VAR_SET_MULTI') {
    if (name === 'TRANSACTION') noteModes(walk, args, '')
    else if (name === 'SESSION CHARACTERISTICS') noteModes(walk, args, 'default_')
    else walk.facts.problem('transaction-mode', name)
    return done
  }
  walk.facts.settings.push(settingOf(kind, name.toLowerCase(), args))
  return done
}

function settingOf(kind: VariableSetStmt['kind'], name: string, args: readonly Node[]): SettingChange {
  if (kind === 'VAR_RESET_ALL') return { name: 'all', value: null, opaque: false }
  if (kind !== 'VAR_SET_VALUE') return { name, value: null, opaque: kind === 'VAR_SET_CURRENT' }
  const values = args.map(literal)
  const known = values.filter((value) => value !== null)
  return { name, value: known.join(', '), opaque: known.length < values.length }
}

export function show(walk: Walk, node: Node): Outcome {
  const name = 'VariableShowStmt' in node ? (node.VariableShowStmt.name ?? '').toLowerCase() : ''
  walk.facts.tags.add('Utility')
  if (name === 'all' || isHiddenSetting(name)) walk.facts.problem('setting-not-listed', `SHOW ${name}`)
  return {
    action: none,
    outputs: { columns: [{ name, value: constant, source: null }], complete: true },
    measurable: false,
  }
}
