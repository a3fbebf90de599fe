import { listAt, textAt } from '../shape.ts'

/** A condition of a status as doctor reads it. */
export interface FoundCondition {
  readonly status: string
  readonly reason: string
  readonly message: string
}

/** The condition of a type in `status.conditions`; null where there is none. */
export function conditionOf(object: unknown, type: string): FoundCondition | null {
  const found = listAt(object, 'status', 'conditions').find((one) => textAt(one, 'type') === type)
  if (found === undefined) return null
  return { status: textAt(found, 'status'), reason: textAt(found, 'reason'), message: textAt(found, 'message') }
}

/** `namespace/name`, or `name` where there is no namespace. */
export function nameOf(object: unknown): string {
  const [namespace, name] = [textAt(object, 'metadata', 'namespace'), textAt(object, 'metadata', 'name')]
  return namespace === '' ? name : `${namespace}/${name}`
}

/** `metadata.creationTimestamp` in Unix milliseconds; 0 where it cannot be read. */
export function createdMsOf(object: unknown): number {
  return Date.parse(textAt(object, 'metadata', 'creationTimestamp')) || 0
}
