import { describe, expect, it } from 'vitest'
import { keyOfImage, maxImages, planImages, type ImageMap } from './plan-images.ts'

const nothing: ImageMap = { data: {}, usedAt: {} }
const now = 1_800_000_000

/** A map after each of the images was published, a day after the one before. */
function after(...images: readonly string[]): ImageMap {
  return images.reduce<ImageMap>((held, image, day) => planImages(held, [image], now + day * 86_400) ?? held, nothing)
}
const valuesOf = (map: ImageMap | null): readonly string[] => Object.values(map?.data ?? {})

describe('planImages', () => {
  it('writes every image under the hash of its name', () => {
    const plan = planImages(nothing, ['sidecar:1', 'redirect:1'], now)
    expect(plan?.data).toEqual({ [keyOfImage('sidecar:1')]: 'sidecar:1', [keyOfImage('redirect:1')]: 'redirect:1' })
    expect(Object.values(plan?.usedAt ?? {})).toEqual([now, now])
    for (const key of Object.keys(plan?.data ?? {})) expect(key).toMatch(/^[-._a-zA-Z0-9]{1,253}$/)
  })

  it('writes nothing while its images are there and their use was written down within the hour', () => {
    const held = after('sidecar:1')
    expect(planImages(held, ['sidecar:1'], now + 3599)).toBeNull()
    expect(planImages(held, ['sidecar:1'], now + 3600)?.usedAt).toEqual({ [keyOfImage('sidecar:1')]: now + 3600 })
  })

  it('keeps what others published', () => {
    expect(valuesOf(planImages(after('sidecar:1', 'sidecar:2'), ['sidecar:3'], now))).toEqual([
      'sidecar:1',
      'sidecar:2',
      'sidecar:3',
    ])
  })

  it('drops the longest unused beyond sixteen, never its own', () => {
    const images = Array.from({ length: maxImages }, (_, index) => `sidecar:${index}`)
    const full = after(...images)
    expect(valuesOf(full)).toHaveLength(maxImages)
    const later = now + 100 * 86_400
    expect(valuesOf(planImages(full, ['sidecar:0', 'redirect:0'], later))).toEqual([
      ...images.slice(2),
      'sidecar:0',
      'redirect:0',
    ])
  })

  it('takes what has no age for the oldest, and puts right a key that holds another image', () => {
    const images = Array.from({ length: maxImages }, (_, index) => `sidecar:${index}`)
    const full = after(...images)
    const foreign = { data: { ...full.data, foreign: 'other:1' }, usedAt: full.usedAt }
    expect(valuesOf(planImages(foreign, ['sidecar:15'], now + 15 * 86_400))).not.toContain('other:1')
    const forged = { data: { [keyOfImage('sidecar:1')]: 'evil:1' }, usedAt: { [keyOfImage('sidecar:1')]: now } }
    expect(valuesOf(planImages(forged, ['sidecar:1'], now))).toEqual(['sidecar:1'])
  })
})
