import { describe, expect, it } from 'vitest'
import { MaskError } from './mask-error.ts'
import { maskDataRows } from './mask-row.ts'

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

describe('maskDataRows', () => {
  it('replaces only what has a masker, and the length with it', () => {
    const masked = maskDataRows(dataRow(['1', 'secret', null, 'x']), [null, star, star, null])
    expect(masked).toEqual(dataRow(['1', '*', null, 'x']))
  })

  it('masks row after row, whatever becomes longer or shorter', () => {
    const rows = Array.from({ length: 50 }, (_, index) => ['keep', 'x'.repeat(index), index % 3 === 0 ? null : 'tail'])
    const longer = (value: Buffer | null): Buffer | null => value && Buffer.concat([value, value, Buffer.from('!')])
    const masked = maskDataRows(Buffer.concat(rows.map(dataRow)), [null, longer, star])
    const expected = rows.map(([keep, value, tail]) =>
      dataRow([keep!, `${value!}${value!}!`, tail === null ? null : '*']),
    )
    expect(masked).toEqual(Buffer.concat(expected))
  })

  it('refuses a run whose last row is cut short', () => {
    const rows = Buffer.concat([dataRow(['a']), dataRow(['b'])])
    expect(() => maskDataRows(rows.subarray(0, -1), [star])).toThrow(MaskError)
  })

  it('makes NULL', () => {
    expect(maskDataRows(dataRow(['secret']), [none])).toEqual(dataRow([null]))
  })

  it('refuses a row with another number of columns', () => {
    expect(() => maskDataRows(dataRow(['a', 'b']), [star])).toThrow(MaskError)
  })

  it('refuses every row that is cut short', () => {
    const frame = dataRow(['secret', null, 'other'])
    for (let length = 1; length < frame.length; length++) {
      expect(() => maskDataRows(frame.subarray(0, length), [star, null, null])).toThrow(MaskError)
    }
  })
})
