import { describe, expect, it } from 'vitest'
import { parseImagesConfig } from './config.ts'

describe('parseImagesConfig', () => {
  it('writes to dist/images, at the beginning of time, unless it is told otherwise', () => {
    const config = parseImagesConfig([], { HOME: '/home/x', XDG_CACHE_HOME: '/cache' })
    expect(config).toMatchObject({ names: [], cacheDir: '/cache/sallyport/layers', created: new Date(0) })
    expect(config.outDir).toMatch(/\/dist\/images$/)
    const told = parseImagesConfig(['--out=/o', '--cache=/c', 'redirect'], { SOURCE_DATE_EPOCH: '86400' })
    expect(told).toEqual({ outDir: '/o', cacheDir: '/c', names: ['redirect'], created: new Date(86_400_000) })
  })

  it.each(['soon', '-1', '1.5', ''])('refuses SOURCE_DATE_EPOCH %j', (epoch) => {
    expect(() => parseImagesConfig([], { SOURCE_DATE_EPOCH: epoch })).toThrow('SOURCE_DATE_EPOCH')
  })
})
