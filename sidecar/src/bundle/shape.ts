/** What the value at `path` must be is said where it is not. */
export type Say = (path: string, expected: string) => void
export type Shape = (value: unknown, path: string, say: Say) => void

/** A shape by a predicate. @param expected  completes "must be …". */
export function shape(expected: string, holds: (value: unknown) => boolean): Shape {
  return (value, path, say) => {
    if (!holds(value)) say(path, expected)
  }
}

export const text = shape('a string', (value) => typeof value === 'string')
export const filled = shape('a string that is not empty', (value) => typeof value === 'string' && value !== '')
export const count = shape('a whole number', (value) => Number.isSafeInteger(value) && Number(value) >= 0)
export const zero = shape('0; more is not supported by this version', (value) => value === 0)
export const positive = shape('a whole number above 0', (value) => Number.isSafeInteger(value) && Number(value) > 0)
export const port = shape('a port', (value) => Number.isInteger(value) && Number(value) > 0 && Number(value) < 65_536)
export const yesOrNo = shape('true or false', (value) => typeof value === 'boolean')

export function oneOf(...words: readonly string[]): Shape {
  return shape(`one of ${words.join(', ')}`, (value) => typeof value === 'string' && words.includes(value))
}

export function matching(expected: string, pattern: RegExp): Shape {
  return shape(expected, (value) => typeof value === 'string' && pattern.test(value))
}

type Fields = Readonly<Record<string, Shape>>

/** An object; keys that end in `?` may be absent, keys not named are let through. */
export function object(fields: Fields): Shape {
  return (value, path, say) => {
    if (isObject(value)) checkFields(fields, value, path, say)
    else say(path, 'an object')
  }
}

/** An object without keys that are not named. */
export function closedObject(fields: Fields): Shape {
  const names = Object.keys(fields).map((field) => field.replace(/\?$/, ''))
  return (value, path, say) => {
    object(fields)(value, path, say)
    if (!isObject(value)) return
    for (const key of Object.keys(value))
      if (!names.includes(key)) say(join(path, key), 'absent: nothing here knows this field')
  }
}

export function list(item: Shape): Shape {
  return (value, path, say) => {
    if (Array.isArray(value)) for (const [index, entry] of value.entries()) item(entry, `${path}[${index}]`, say)
    else say(path, 'a list')
  }
}

export function filledList(item: Shape): Shape {
  return (value, path, say) => {
    list(item)(value, path, say)
    if (Array.isArray(value) && value.length === 0) say(path, 'a list that is not empty')
  }
}

export function map(item: Shape): Shape {
  return (value, path, say) => {
    if (isObject(value)) for (const [key, entry] of Object.entries(value)) item(entry, join(path, key), say)
    else say(path, 'an object')
  }
}

export function orNull(other: Shape): Shape {
  return (value, path, say) => {
    if (value !== null) other(value, path, say)
  }
}

function checkFields(fields: Fields, value: Readonly<Record<string, unknown>>, path: string, say: Say): void {
  for (const [field, check] of Object.entries(fields)) {
    const key = field.replace(/\?$/, '')
    if (value[key] === undefined && key !== field) continue
    if (value[key] === undefined) say(join(path, key), 'given')
    else check(value[key], join(path, key), say)
  }
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
