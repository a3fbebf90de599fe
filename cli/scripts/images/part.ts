/** Something of others that is in an image. */
export type Part =
  /** `license` is an SPDX expression, null where the package names none. */
  | { readonly kind: 'npm'; readonly name: string; readonly version: string; readonly license: string | null }
  | { readonly kind: 'deb'; readonly name: string; readonly version: string; readonly arch: string; readonly distro: string } // prettier-ignore
  /** `version` as Go says it: v1.2.3, and 1.26.1 for `stdlib`. */
  | { readonly kind: 'go'; readonly name: string; readonly version: string }
  /** Node.js, and what it is linked to statically: names and versions as `process.versions` has them. */
  | { readonly kind: 'node'; readonly version: string; readonly contains: Readonly<Record<string, string>> }

/** Each part once, in an order that only depends on them. */
export function sortParts(parts: readonly Part[]): readonly Part[] {
  const byKey = new Map(parts.map((part) => [keyOf(part), part]))
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, part]) => part)
}

function keyOf(part: Part): string {
  return `${part.kind} ${part.kind === 'node' ? 'node' : part.name} ${part.version}`
}
