import { WireError } from './wire-error.ts'

const noRuns: Runs = { tags: [], onRun: () => undefined, onLarge: () => 'Hold', onPart: () => undefined }

/** A frame that is larger, and not whole in its chunk, need not be held to be passed on. */
const largeBytes = 64 << 10

/** A tag, then an int32 length that counts itself but not the tag (manual, "Message Formats"). */
const headerBytes = 5

export type OnFrame = (tag: number, frame: Buffer) => void

/** Many frames of one type, one behind the other, as one piece of bytes. */
export interface Runs {
  readonly tags: readonly number[]
  readonly onRun: (tag: number, frames: Buffer, count: number) => void
  /**
   * A large frame of `size` bytes begins. `Parts`: it comes by `onPart`, however large it is. `Drop`: nobody hears of it.
   * `Hold`: it comes when it is whole.
   */
  readonly onLarge: (tag: number, size: number) => 'Hold' | 'Parts' | 'Drop'
  readonly onPart: (bytes: Buffer, isLast: boolean) => void
}

/**
 * Cuts a stream of typed messages into frames, wherever TCP cut it. A frame that lies inside one chunk is a view of it;
 * one that spans chunks is copied once. The length is checked before anything of the body is kept.
 */
export class FrameSplitter {
  readonly #maxMessageBytes: number
  /** Types of which any bytes are kept; null: all. */
  readonly #known: ReadonlySet<number> | null
  #parts: Buffer[] = []
  #held = 0
  /** Whole size of the frame that is held, once its header is complete; 0 before. */
  #wanted = 0
  /** Bytes still to come of a frame that is not held. */
  #passing = 0
  #isDropped = false

  constructor(maxMessageBytes: number, known: ReadonlySet<number> | null = null) {
    this.#maxMessageBytes = maxMessageBytes
    this.#known = known
  }

  /** @throws WireError 'malformed' (length below 4), 'oversized' or 'unknown-message'. */
  push(chunk: Buffer, onFrame: OnFrame, runs: Runs = noRuns): void {
    let offset = this.#pass(chunk, 0, runs)
    if (this.#held > 0) {
      offset = this.#complete(chunk, onFrame, runs)
      if (this.#held > 0) return
    }
    while (chunk.length - offset >= headerBytes) {
      const size = sizeOf(chunk, offset)
      if (chunk.length - offset < size) {
        if (this.#isPassed(chunk, offset, size, runs)) return void this.#pass(chunk, offset, runs)
        this.#wanted = this.#kept(chunk[offset] ?? 0, size)
        break
      }
      this.#checked(size)
      const tag = chunk[offset] ?? 0
      if (runs.tags.includes(tag)) {
        offset = this.#run(chunk, offset, runs)
        continue
      }
      onFrame(tag, chunk.subarray(offset, offset + size))
      offset += size
    }
    if (offset < chunk.length) {
      this.#parts.push(chunk.subarray(offset))
      this.#held = chunk.length - offset
    }
  }

  /** Tells of all whole frames of one type. @returns where the chunk goes on. */
  #run(chunk: Buffer, start: number, runs: Runs): number {
    const tag = chunk[start] ?? 0
    let end = start
    let count = 0
    while (chunk.length - end >= headerBytes && chunk[end] === tag) {
      const size = sizeOf(chunk, end)
      if (chunk.length - end < size) break
      this.#checked(size)
      end += size
      count += 1
    }
    runs.onRun(tag, chunk.subarray(start, end), count)
    return end
  }

  /** Adds to the held frame. @returns where the chunk goes on. */
  #complete(chunk: Buffer, onFrame: OnFrame, runs: Runs): number {
    let offset = 0
    if (this.#wanted === 0) {
      const missing = Math.min(headerBytes - this.#held, chunk.length)
      this.#parts.push(chunk.subarray(0, missing))
      this.#held += missing
      offset = missing
      if (this.#held < headerBytes) return offset
      const header = Buffer.concat(this.#parts)
      const size = sizeOf(header, 0)
      if (this.#isPassed(header, 0, size, runs)) {
        this.#parts = []
        this.#held = 0
        this.#pass(header, 0, runs)
        return this.#pass(chunk, offset, runs)
      }
      this.#parts = [header]
      this.#wanted = this.#kept(header[0] ?? 0, size)
    }
    const taken = Math.min(this.#wanted - this.#held, chunk.length - offset)
    if (taken > 0) this.#parts.push(chunk.subarray(offset, offset + taken))
    this.#held += taken
    offset += taken
    if (this.#held < this.#wanted) return offset
    const frame = Buffer.concat(this.#parts, this.#wanted)
    this.#parts = []
    this.#held = 0
    this.#wanted = 0
    const tag = frame[0] ?? 0
    if (runs.tags.includes(tag)) runs.onRun(tag, frame, 1)
    else onFrame(tag, frame)
    return offset
  }

  /** Begins to pass on, or to drop, a large frame where that is wanted. */
  #isPassed(bytes: Buffer, offset: number, size: number, runs: Runs): boolean {
    const tag = bytes[offset] ?? 0
    if (size <= largeBytes || !runs.tags.includes(tag)) return false
    const how = runs.onLarge(tag, size)
    if (how === 'Hold') return false
    this.#passing = size
    this.#isDropped = how === 'Drop'
    return true
  }

  /** @returns where the chunk goes on behind what is passed on of it. */
  #pass(chunk: Buffer, offset: number, runs: Runs): number {
    if (this.#passing === 0) return offset
    const end = Math.min(chunk.length, offset + this.#passing)
    this.#passing -= end - offset
    if (!this.#isDropped) runs.onPart(chunk.subarray(offset, end), this.#passing === 0)
    return end
  }

  /** A frame that is not whole yet will be held. */
  #kept(tag: number, size: number): number {
    if (this.#known?.has(tag) === false) throw new WireError('unknown-message', 'a message has a type no client sends')
    return this.#checked(size)
  }

  #checked(size: number): number {
    if (size - 1 > this.#maxMessageBytes)
      throw new WireError('oversized', `a message of ${size - 1} bytes is larger than allowed`)
    return size
  }
}

/** Of the whole frame, its tag included. @throws WireError 'malformed' (length below 4) */
function sizeOf(bytes: Buffer, offset: number): number {
  const length = bytes.readUInt32BE(offset + 1)
  if (length < 4) throw new WireError('malformed', 'a message is shorter than its own length field')
  return length + 1
}
