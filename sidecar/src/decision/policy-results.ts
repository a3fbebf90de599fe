/** What policies answer, checked: a policy author's mistake is an error, never an allowance. */
import { maskKinds, type MaskKind, type PolicyBinding } from '@sallyport/crds'
import type { ColumnMask, Denial } from '../model/decision.ts'
import { denyReasons, type DenyReason } from '../model/deny-reasons.ts'
import { PolicyError } from './opa-policy.ts'

export interface GuardrailAnswer {
  readonly deny: readonly Denial[]
  readonly masks: readonly ColumnMask[]
  readonly maxAffectedRows: number | null
}

/** @throws PolicyError */
export function readGuardrails(value: unknown): GuardrailAnswer {
  const { deny, masks, maxAffectedRows } = record(value, 'decision')
  return {
    deny: list(deny, 'deny').map(readDenial).sort(byPrecedence),
    masks: list(masks, 'masks').map(readColumnMask),
    maxAffectedRows: maxAffectedRows === null ? null : count(maxAffectedRows, 'maxAffectedRows'),
  }
}

const reasons: readonly string[] = Object.keys(denyReasons)

function readDenial(value: unknown): Denial {
  const { reason, object } = record(value, 'deny')
  if (!isReason(reason) || typeof object !== 'string') throw new PolicyError('deny: expected reason and object')
  return { effect: 'Deny', reason, object }
}

function isReason(value: unknown): value is DenyReason {
  return typeof value === 'string' && Object.hasOwn(denyReasons, value)
}

function byPrecedence(left: Denial, right: Denial): number {
  const order = reasons.indexOf(left.reason) - reasons.indexOf(right.reason)
  return order !== 0 ? order : (left.object ?? '') < (right.object ?? '') ? -1 : 1
}

function readColumnMask(value: unknown): ColumnMask {
  const { column, mask } = readMask(value)
  if (mask === 'Deny') throw new PolicyError('masks: Deny is no mask')
  return { column, mask }
}

/** `mask` of a policy: `{column, mask}`. @throws PolicyError */
export function readMask(value: unknown): { readonly column: string; readonly mask: MaskKind } {
  const { column, mask } = record(value, 'mask')
  const kind = maskKinds.find((each) => each === mask)
  if (typeof column !== 'string' || kind === undefined) {
    throw new PolicyError(`mask: expected {"column": "schema.table.column", "mask": one of ${maskKinds.join(', ')}}`)
  }
  return { column, mask: kind }
}

/** `deny` of a policy: objects with `rule` and `message`, both optional, or a message alone. @throws PolicyError */
export function readPolicyDenial(value: unknown, binding: PolicyBinding): Denial {
  const name = policyName(binding)
  if (typeof value === 'string') return { effect: 'Deny', reason: 'policy-denied', rule: name, message: value }
  const { rule, message } = record(value, 'deny')
  if ((rule !== undefined && typeof rule !== 'string') || (message !== undefined && typeof message !== 'string')) {
    throw new PolicyError('deny: expected {"rule": string, "message": string}')
  }
  return {
    effect: 'Deny',
    reason: 'policy-denied',
    rule: rule === undefined ? name : `${name}: ${rule}`,
    ...(message === undefined ? {} : { message }),
  }
}

export interface PolicyLimit {
  readonly rowsPerStatement: number | null
  readonly bytesPerStatement: number | null
  readonly maxAffectedRows: number | null
}

const limitKeys = ['rowsPerStatement', 'bytesPerStatement', 'maxAffectedRows'] as const

/** `limit` of a policy: objects with any of the three keys, whole numbers. @throws PolicyError */
export function readLimit(value: unknown): PolicyLimit {
  const given = record(value, 'limit')
  const unknown = Object.keys(given).find((key) => !limitKeys.some((each) => each === key))
  if (unknown !== undefined) throw new PolicyError(`limit: unknown key ${unknown}; known are ${limitKeys.join(', ')}`)
  const of = (key: (typeof limitKeys)[number]): number | null =>
    given[key] === undefined ? null : count(given[key], key)
  return {
    rowsPerStatement: of('rowsPerStatement'),
    bytesPerStatement: of('bytesPerStatement'),
    maxAffectedRows: of('maxAffectedRows'),
  }
}

/** `<namespace>/<name>`; a ClusterAccessPolicy has its name alone. */
export function policyName({ namespace, name }: PolicyBinding): string {
  return namespace === undefined ? name : `${namespace}/${name}`
}

/** A partial set arrives as an array; undefined: the module does not define it. @throws PolicyError */
export function list(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new PolicyError(`${what}: expected a set`)
  return value
}

function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new PolicyError(`${what}: expected an object`)
  }
  return Object.fromEntries(Object.entries(value))
}

function count(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new PolicyError(`${what}: expected a whole number`)
  }
  return value
}
