import { describe, expect, it } from 'vitest'
import { Readiness } from './readiness.ts'

describe('Readiness', () => {
  it('names what does not hold', () => {
    const readiness = new Readiness()
    let isSynced = false
    readiness.require('cache', () => isSynced)
    readiness.require('certificate', () => true)
    expect(readiness.notReady()).toEqual(['cache'])
    isSynced = true
    expect(readiness.notReady()).toEqual([])
  })

  it('is not ready until a promise resolves, nor after it was rejected', async () => {
    const readiness = new Readiness()
    const key = Promise.withResolvers<number>()
    const waiting = readiness.until('key', key.promise)
    expect(readiness.notReady()).toEqual(['key'])
    key.resolve(7)
    expect(await waiting).toBe(7)
    expect(readiness.notReady()).toEqual([])
    await expect(readiness.until('disk', Promise.reject(new TypeError('full')))).rejects.toThrow('full')
    expect(readiness.notReady()).toEqual(['disk'])
  })
})
