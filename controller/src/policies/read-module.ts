/** What of a Rego module's syntax tree (`opa parse --format=json`) decides how it is compiled and cached. */
export interface RegoModule {
  /** `a.b` for `package a.b`. */
  readonly package: string
  readonly rules: ReadonlySet<string>
  /** It may read `input.now` or `input.session`: what it says holds for one execution. */
  readonly volatile: boolean
}

export function readModule(json: string): RegoModule {
  const tree: unknown = JSON.parse(json)
  const rules = new Set<string>()
  for (const rule of listAt(tree, 'rules')) {
    const [first] = listAt(at(rule, 'head'), 'ref')
    const name = at(first, 'value') ?? at(at(rule, 'head'), 'name')
    if (typeof name === 'string') rules.add(name)
  }
  const path = listAt(at(tree, 'package'), 'path').slice(1)
  return { package: path.map((term) => String(at(term, 'value'))).join('.'), rules, volatile: isVolatile(tree) }
}

/** Anything but `input.<name>` with another name may be the time or the session. */
function isVolatile(node: unknown): boolean {
  if (Array.isArray(node)) return node.some(isVolatile)
  if (typeof node !== 'object' || node === null) return false
  if (at(node, 'type') === 'ref') {
    const [head, second, ...rest] = listAt(node, 'value')
    if (isInput(head)) return isChanging(second) || [second, ...rest].some(isVolatile)
  }
  return isInput(node) || Object.values(node).some(isVolatile)
}

function isInput(term: unknown): boolean {
  return at(term, 'type') === 'var' && at(term, 'value') === 'input'
}

function isChanging(term: unknown): boolean {
  const name = at(term, 'value')
  return at(term, 'type') !== 'string' || name === 'now' || name === 'session'
}

function at(node: unknown, key: string): unknown {
  if (typeof node !== 'object' || node === null) return undefined
  return Object.entries(node).find(([name]) => name === key)?.[1]
}

function listAt(node: unknown, key: string): readonly unknown[] {
  const value = at(node, key)
  return Array.isArray(value) ? value : []
}
