import type { A_Const, Node } from '@pgsql/types'

/** The text of a literal as SET and set_config take it; null for anything that is not one. */
export function literal(node: Node | undefined): string | null {
  if (!node) return null
  if ('TypeCast' in node) return literal(node.TypeCast.arg)
  if ('String' in node) return node.String.sval ?? ''
  if ('Integer' in node) return String(node.Integer.ival ?? 0)
  if ('Float' in node) return node.Float.fval ?? ''
  if ('Boolean' in node) return onOff(node.Boolean.boolval)
  return 'A_Const' in node ? constantText(node.A_Const) : null
}

function constantText(constant: A_Const): string | null {
  if ('sval' in constant) return constant.sval.sval ?? ''
  if ('ival' in constant) return String(constant.ival.ival ?? 0)
  if ('fval' in constant) return constant.fval.fval ?? ''
  return 'boolval' in constant ? onOff(constant.boolval.boolval) : null
}

function onOff(value: boolean | undefined): string {
  return value === true ? 'on' : 'off'
}
