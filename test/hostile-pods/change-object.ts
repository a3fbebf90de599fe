import type { CopyRow, PodRow } from './rows.ts'

type Json = Record<string, unknown>

/**
 * The object with what a row changes. A path is of fields, `["quoted fields"]`, `[0]`, `[+]` behind the last element, `[^]`
 * before the first, and `{name}`: the element called so, of `spec.initContainers` where no list is named.
 */
export function changeObject(object: object, { set = {}, remove = [], swap }: PodRow & Pick<CopyRow, 'swap'>): object {
  const changed = structuredClone(object) as Json
  for (const path of remove) removeAt(changed, parsePath(path))
  for (const [path, value] of Object.entries(set)) setAt(changed, parsePath(path), value)
  if (swap) {
    const [[left, a], [right, b]] = swap.map((path) => resolve(changed, parsePath(path))) as [Place, Place]
    ;[left[a], right[b]] = [right[b], left[a]]
  }
  return changed
}

type Step =
  | { readonly kind: 'Field'; readonly name: string }
  | { readonly kind: 'Index'; readonly index: number | '+' | '^' }
  | { readonly kind: 'Named'; readonly name: string }

type Place = [Json, string]

function parsePath(path: string): readonly Step[] {
  const whole = path.startsWith('{') ? `spec.initContainers${path}` : path
  const steps: Step[] = []
  for (const [text, field, quoted, index, name] of whole.matchAll(
    /\.?([A-Za-z0-9]+)|\["([^"]+)"\]|\[(\d+|\+|\^)\]|\{([a-z-]+)\}/g,
  )) {
    if (field !== undefined || quoted !== undefined) steps.push({ kind: 'Field', name: field ?? quoted ?? '' })
    else if (index !== undefined)
      steps.push({ kind: 'Index', index: index === '+' || index === '^' ? index : Number(index) }) // prettier-ignore
    else if (name !== undefined) steps.push({ kind: 'Named', name })
    else throw new Error(`${path}: ${text}`)
  }
  return steps
}

/** The object or list the path ends in, and the key there; objects and lists on the way are made. */
function resolve(object: Json, steps: readonly Step[]): Place {
  let holder = object
  for (const [at, step] of steps.entries()) {
    const key = keyIn(holder, step)
    if (at === steps.length - 1) return [holder, key]
    if (holder[key] === undefined) holder[key] = steps[at + 1]?.kind === 'Field' ? {} : []
    holder = holder[key] as Json
  }
  throw new Error('an empty path')
}

function keyIn(holder: Json, step: Step): string {
  if (step.kind === 'Field') return step.name
  const list = holder as unknown as { name?: string }[]
  if (step.kind === 'Named') {
    const index = list.findIndex(({ name }) => name === step.name)
    if (index < 0) throw new Error(`nothing is called ${step.name}`)
    return String(index)
  }
  if (step.index === '^') list.unshift({})
  return String(step.index === '+' ? list.length : step.index === '^' ? 0 : step.index)
}

function setAt(object: Json, steps: readonly Step[], value: unknown): void {
  const [holder, key] = resolve(object, steps)
  holder[key] = value
}

function removeAt(object: Json, steps: readonly Step[]): void {
  const [holder, key] = resolve(object, steps)
  if (Array.isArray(holder)) holder.splice(Number(key), 1)
  else Reflect.deleteProperty(holder, key)
}
