import { MaskError } from './mask-error.ts'
import type { Masker } from './plan-masks.ts'

const headBytes = 7

/**
 * A DataRow with its values masked (manual, "Message Formats": tag, int32 length, int16 columns, then int32 length, -1
 * for NULL, and bytes of each).
 * @param frame    the whole message.
 * @param maskers  by position; null leaves the value as it is.
 * @throws MaskError when the row does not have as many columns, or is not what it says.
 */
export function maskDataRow(frame: Buffer, maskers: readonly (Masker | null)[]): Buffer {
  if (frame.length < headBytes) throw new MaskError('malformed-row')
  if (frame.readUInt16BE(5) !== maskers.length) throw new MaskError('column-count')
  const parts: Buffer[] = [frame.subarray(0, headBytes)]
  let offset = headBytes
  let keptFrom = headBytes
  for (const masker of maskers) {
    if (offset + 4 > frame.length) throw new MaskError('malformed-row')
    const length = frame.readInt32BE(offset)
    const end = offset + 4 + Math.max(0, length)
    if (length < -1 || end > frame.length) throw new MaskError('malformed-row')
    if (masker) {
      parts.push(
        frame.subarray(keptFrom, offset),
        ...field(masker(length === -1 ? null : frame.subarray(offset + 4, end))),
      )
      keptFrom = end
    }
    offset = end
  }
  if (offset !== frame.length) throw new MaskError('malformed-row')
  parts.push(frame.subarray(keptFrom))
  const masked = Buffer.concat(parts)
  masked.writeInt32BE(masked.length - 1, 1)
  return masked
}

const nullField = Buffer.from([0xff, 0xff, 0xff, 0xff])

function field(value: Buffer | null): readonly Buffer[] {
  if (value === null) return [nullField]
  const length = Buffer.alloc(4)
  length.writeInt32BE(value.length)
  return [length, value]
}
