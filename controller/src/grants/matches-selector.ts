import type { LabelSelector } from './objects.ts'

/** A Kubernetes label selector; absent or empty, it selects everything. */
export function matchesSelector(
  selector: LabelSelector | undefined,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  const present = labels ?? {}
  const equal = Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => present[key] === value)
  return equal && (selector?.matchExpressions ?? []).every((expression) => matchesExpression(expression, present))
}

function matchesExpression(
  expression: NonNullable<LabelSelector['matchExpressions']>[number],
  labels: Readonly<Record<string, string>>,
): boolean {
  const value = labels[expression.key]
  const values = expression.values ?? []
  switch (expression.operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    default:
      // An operator of a later API selects nothing: a grant must not reach more pods than its author meant.
      return false
  }
}
