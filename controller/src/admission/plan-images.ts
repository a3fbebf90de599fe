import { createHash } from 'node:crypto'

/** What of the ConfigMap is read and written here. */
export interface ImageMap {
  /** SHA-256 of the image's name, hex → the name. The admission policies look at the names. */
  readonly data: Readonly<Record<string, string>>
  /** Key → Unix seconds at which somebody last said that it gives pods this image. */
  readonly usedAt: Readonly<Record<string, number>>
}

/** So many releases back a pod may still be created with, in the middle of a roll-out or a rollback. */
export const maxImages = 16

/** A use is written down anew when the last one is older: not at every look. */
const refreshSeconds = 3600

/**
 * Adds the images this program gives pods, keeps those of others, and drops the longest unused beyond {@link maxImages}.
 * @param nowSeconds  Unix seconds.
 * @returns what to write; null: nothing.
 */
export function planImages(held: ImageMap, images: readonly string[], nowSeconds: number): ImageMap | null {
  const own = new Map(images.map((image) => [keyOfImage(image), image]))
  const isCurrent = [...own].every(
    ([key, image]) => held.data[key] === image && nowSeconds - (held.usedAt[key] ?? 0) < refreshSeconds,
  )
  const surplus = surplusOf(held, own)
  if (isCurrent && surplus.size === 0) return null
  const others = Object.entries(held.data).filter(([key]) => !surplus.has(key) && !own.has(key))
  const used = others.map(([key]) => [key, held.usedAt[key] ?? 0] as const)
  return {
    data: Object.fromEntries([...others, ...own]),
    usedAt: Object.fromEntries([...used, ...[...own.keys()].map((key) => [key, nowSeconds] as const)]),
  }
}

/** Key of an image in the ConfigMap. */
export function keyOfImage(image: string): string {
  return createHash('sha256').update(image).digest('hex')
}

function surplusOf({ data, usedAt }: ImageMap, own: ReadonlyMap<string, string>): ReadonlySet<string> {
  const others = Object.keys(data).filter((key) => !own.has(key))
  const oldestFirst = others.sort((a, b) => (usedAt[a] ?? 0) - (usedAt[b] ?? 0) || (a < b ? -1 : 1))
  return new Set(oldestFirst.slice(0, Math.max(0, others.length + own.size - maxImages)))
}
