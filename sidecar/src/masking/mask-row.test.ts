import { describe, expect, it } from 'vitest'
import { MaskError } from './mask-error.ts'
import { maskDataRow } from './mask-row.ts'

function dataRow(values: readonly (string | null)[]): Buffer {
  const parts: Buffer[] = [Buffer.from('D\0\0\0\0\0\0', 'latin1')]
  for (const value of values) {
    const length = Buffer.alloc(4)
    length.writeInt32BE(value === null ? -1 : Buffer.byteLength(value))
    parts.push(length, Buffer.from(value ?? ''))
  }
  const frame = Buffer.concat(parts)
  frame.writeInt32BE(frame.length - 1, 1)
  frame.writeUInt16BE(values.length, 5)
  return frame
}

const star = (value: Buffer | null): Buffer | null => (value === null ? null : Buffer.from('*'))
const none = (): null => null

describe('maskDataRow', () => {
  it('replaces only what has a masker, and the length with it', () => {
    const masked = maskDataRow(dataRow(['1', 'secret', null, 'x']), [null, star, star, null])
    expect(masked).toEqual(dataRow(['1', '*', null, 'x']))
  })

  it('makes NULL', () => {
    expect(maskDataRow(dataRow(['secret']), [none])).toEqual(dataRow([null]))
  })

  it('refuses a row with another number of columns', () => {
    expect(() => maskDataRow(dataRow(['a', 'b']), [star])).toThrow(MaskError)
  })

  it('refuses every row that is cut short', () => {
    const frame = dataRow(['secret', null, 'other'])
    for (let length = 0; length < frame.length; length++) {
      expect(() => maskDataRow(frame.subarray(0, length), [star, null, null])).toThrow(MaskError)
    }
  })
})
