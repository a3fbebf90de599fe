import { listAt, textAt, textsAt } from '../shape.ts'

/** Whether a label selector of the API, as JSON, selects labels. An empty one, or none, selects everything. */
export function selects(selector: unknown, labels: Readonly<Record<string, string>>): boolean {
  const wanted = Object.entries(textsAt(selector, 'matchLabels'))
  if (!wanted.every(([key, value]) => labels[key] === value)) return false
  return listAt(selector, 'matchExpressions').every((expression) => {
    const value = labels[textAt(expression, 'key')]
    const isListed = value !== undefined && listAt(expression, 'values').includes(value)
    switch (textAt(expression, 'operator')) {
      case 'In':
        return isListed
      case 'NotIn':
        return !isListed
      case 'Exists':
        return value !== undefined
      case 'DoesNotExist':
        return value === undefined
      default:
        return false
    }
  })
}
