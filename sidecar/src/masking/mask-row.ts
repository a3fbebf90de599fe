import { MaskError } from './mask-error.ts'
import type { Masker } from './plan-masks.ts'

const headBytes = 7
const lengthBytes = 4

/**
 * DataRows with their values masked (manual, "Message Formats": tag, int32 length, int16 columns, then int32 length, -1
 * for NULL, and bytes of each).
 * @param rows     whole messages, one behind the other.
 * @param maskers  by position; null leaves the value as it is.
 * @throws MaskError when a row does not have as many columns, or is not what it says.
 */
export function maskDataRows(rows: Buffer, maskers: readonly (Masker | null)[]): Buffer {
  const out = new Output(rows)
  for (let offset = 0; offset < rows.length;) {
    if (rows.length - offset < headBytes) throw new MaskError('malformed-row')
    const end = offset + 1 + rows.readUInt32BE(offset + 1)
    if (end > rows.length) throw new MaskError('malformed-row')
    if (rows.readUInt16BE(offset + 5) !== maskers.length) throw new MaskError('column-count')
    const startsAt = out.positionOf(offset)
    let field = offset + headBytes
    for (const masker of maskers) {
      if (field + lengthBytes > end) throw new MaskError('malformed-row')
      const length = rows.readInt32BE(field)
      const next = field + lengthBytes + Math.max(0, length)
      if (length < -1 || next > end) throw new MaskError('malformed-row')
      if (masker) out.replace(field, next, masker(length === -1 ? null : rows.subarray(field + lengthBytes, next)))
      field = next
    }
    if (field !== end) throw new MaskError('malformed-row')
    out.endRow(startsAt, end)
    offset = end
  }
  return out.finish()
}

/** Copies what stays in long runs and what is masked in between; grows where values become longer. */
class Output {
  readonly #source: Buffer
  #bytes: Buffer
  #at = 0
  /** The source is not copied from here on. */
  #from = 0

  constructor(source: Buffer) {
    this.#source = source
    this.#bytes = Buffer.allocUnsafe(source.length + 256)
  }

  /** Where a byte of the source that is not copied yet will be. */
  positionOf(offset: number): number {
    return this.#at + offset - this.#from
  }

  /** Puts a value in the place of the field between `start` and `end`. */
  replace(start: number, end: number, value: Buffer | null): void {
    this.#copyTo(start, lengthBytes + (value?.length ?? 0))
    this.#at = this.#bytes.writeInt32BE(value?.length ?? -1, this.#at)
    if (value) this.#at += value.copy(this.#bytes, this.#at)
    this.#from = end
  }

  /** Says how long the row that begins at `startsAt` has become. */
  endRow(startsAt: number, end: number): void {
    if (startsAt < this.#at) this.#bytes.writeUInt32BE(this.positionOf(end) - startsAt - 1, startsAt + 1)
  }

  finish(): Buffer {
    this.#copyTo(this.#source.length, 0)
    return this.#bytes.subarray(0, this.#at)
  }

  /** @param room  how much will be written behind it. */
  #copyTo(end: number, room: number): void {
    const neededBytes = this.#at + end - this.#from + room
    if (neededBytes > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(2 * neededBytes)
      this.#bytes.copy(larger, 0, 0, this.#at)
      this.#bytes = larger
    }
    this.#at += this.#source.copy(this.#bytes, this.#at, this.#from, end)
    this.#from = end
  }
}
