import { WireError } from './wire-error.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Reads the body of one frame from front to back; whoever reads says at the end that nothing is left. */
export class BodyReader {
  readonly #frame: Buffer
  #offset: number

  constructor(frame: Buffer, offset = 5) {
    this.#frame = frame
    this.#offset = offset
  }

  int16(): number {
    this.#need(2)
    this.#offset += 2
    return this.#frame.readInt16BE(this.#offset - 2)
  }

  int32(): number {
    this.#need(4)
    this.#offset += 4
    return this.#frame.readInt32BE(this.#offset - 4)
  }

  uint32(): number {
    this.#need(4)
    this.#offset += 4
    return this.#frame.readUInt32BE(this.#offset - 4)
  }

  byte(): number {
    this.#need(1)
    this.#offset += 1
    return this.#frame[this.#offset - 1] ?? 0
  }

  bytes(length: number): Buffer {
    this.#need(length)
    this.#offset += length
    return this.#frame.subarray(this.#offset - length, this.#offset)
  }

  /** The bytes of a string up to its NUL. */
  cstringBytes(): Buffer {
    const end = this.#frame.indexOf(0, this.#offset)
    if (end < 0) throw new WireError('malformed', 'a string has no end')
    const value = this.#frame.subarray(this.#offset, end)
    this.#offset = end + 1
    return value
  }

  cstring(): string {
    const bytes = this.cstringBytes()
    try {
      return utf8.decode(bytes)
    } catch (cause) {
      throw new WireError('malformed', 'a name is not UTF-8', { cause })
    }
  }

  rest(): Buffer {
    return this.bytes(this.#frame.length - this.#offset)
  }

  get left(): number {
    return this.#frame.length - this.#offset
  }

  end(): void {
    if (this.left !== 0) throw new WireError('malformed', 'a message is longer than its fields')
  }

  #need(length: number): void {
    if (length < 0 || this.#offset + length > this.#frame.length)
      throw new WireError('malformed', 'a message is shorter than its fields')
  }
}
