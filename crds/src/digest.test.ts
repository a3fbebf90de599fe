import { describe, expect, it } from 'vitest'
import { canonicalJson, digestOf } from './digest.ts'

describe('canonicalJson', () => {
  it('writes equal values alike whatever the order of their keys', () => {
    expect(canonicalJson({ b: [{ d: 1, c: undefined }], a: 'x' })).toBe('{"a":"x","b":[{"d":1}]}')
    expect(digestOf({ a: 1, b: { c: 2, d: 3 } })).toBe(digestOf({ b: { d: 3, c: 2 }, a: 1 }))
  })

  it('tells the order of a list apart', () => {
    expect(digestOf([1, 2])).not.toBe(digestOf([2, 1]))
  })
})
