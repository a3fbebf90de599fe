import type { Node, TypeName } from '@pgsql/types'

/** The one key of a node: its type's name. */
export function nodeKind(node: Node): string {
  return Object.keys(node)[0] ?? ''
}

/** The fields of a node, whatever its type. */
export function nodeFields(node: Node): Readonly<Record<string, unknown>> {
  const [value] = Object.values(node) as [Readonly<Record<string, unknown>> | undefined]
  return value ?? {}
}

export function isNode(value: unknown): value is Node {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const keys = Object.keys(value)
  const [key] = keys
  return keys.length === 1 && key !== undefined && /^[A-Z]/.test(key)
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value)
}

/** Type names stand bare in most nodes. */
function isTypeName(value: object): value is TypeName {
  return 'names' in value && 'typemod' in value
}

/** Nodes directly below: fields that are nodes, lists of nodes, type names, and what bare structures hold of them. */
export function childNodes(fields: Readonly<Record<string, unknown>>): readonly Node[] {
  const found: Node[] = []
  const open: unknown[] = Object.values(fields)
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (isNode(value)) found.push(value)
    else if (isList(value)) for (const item of value) open.push(item)
    else if (typeof value === 'object' && value !== null && isTypeName(value)) found.push({ TypeName: value })
    else if (typeof value === 'object' && value !== null)
      for (const item of Object.values(value) as unknown[]) open.push(item)
  }
  return found
}

/** Names of a list of String nodes: `[String a, String b]` → `['a', 'b']`; other nodes count as empty names. */
export function names(nodes: readonly Node[] | undefined): readonly string[] {
  return (nodes ?? []).map((node) => ('String' in node ? (node.String.sval ?? '') : ''))
}
