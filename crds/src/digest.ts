import { createHash } from 'node:crypto'

/** JSON with keys sorted at every depth and undefined left out: equal values, equal bytes. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : item,
  )
}

/** `sha256:` and the hex digest of a value's {@link canonicalJson}. */
export function digestOf(value: unknown): string {
  return digestOfBytes(canonicalJson(value))
}

/** `sha256:` and the hex digest of bytes. */
export function digestOfBytes(bytes: string | Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}
