import { closeSync, openSync, readSync, unlinkSync } from 'node:fs'
import { seqOf, type SpoolFile } from './spool-files.ts'

/** Records to ship, the next in order. */
export interface PendingRecords {
  /** `<pod UID>/<boot id>`. */
  readonly source: string
  readonly lines: readonly string[]
  readonly lastSeq: number
  /** Everything up to here is safe elsewhere. */
  readonly afterSeq: number
}

export interface BatchLimits {
  readonly maxLines: number
  /** A single line longer than this goes alone. */
  readonly maxBytes: number
}

/**
 * The files of one hash chain, read from the oldest record on that the collector has not taken. What it has taken it may
 * lose until it acknowledges it: so long the files stay.
 */
export class SpoolSource {
  readonly source: string
  /** Oldest first; the last one may still grow. */
  readonly files: SpoolFile[]
  #acknowledged: number
  #accepted: number
  /** Where reading goes on. */
  #fileIndex = 0
  #offset = 0
  /** Read and not yet taken. */
  #batch: string[] = []

  constructor(source: string, files: readonly SpoolFile[]) {
    this.source = source
    this.files = [...files]
    // Files before the first were deleted because they were acknowledged.
    this.#acknowledged = (files[0]?.firstSeq ?? 1) - 1
    this.#accepted = this.#acknowledged
  }

  get acknowledgedSeq(): number {
    return this.#acknowledged
  }

  /** The last record the collector has taken. */
  get acceptedSeq(): number {
    return this.#accepted
  }

  get lastSeq(): number {
    return this.files.at(-1)?.lastSeq ?? this.#acknowledged
  }

  /** The same records until they are taken; null when all are. */
  pending(limits: BatchLimits): PendingRecords | null {
    while (this.#batch.length === 0) {
      const file = this.#nextFile()
      if (!file) return null
      this.#batch = this.#read(file, limits).filter((line) => seqOf(line) > this.#accepted)
    }
    const last = this.#batch.at(-1) ?? ''
    return { source: this.source, lines: this.#batch, lastSeq: seqOf(last), afterSeq: this.#acknowledged }
  }

  /**
   * The collector has everything up to `seq`, and may yet lose what it has not acknowledged.
   * @returns false when it has less than it said before: what it lost is read again.
   */
  accept(seq: number): boolean {
    const accepted = Math.max(this.#acknowledged, Math.min(seq, this.lastSeq))
    const isLess = accepted < this.#accepted
    this.#accepted = accepted
    this.#batch = this.#batch.filter((line) => seqOf(line) > accepted)
    if (isLess) [this.#fileIndex, this.#offset, this.#batch] = [0, 0, []]
    return !isLess
  }

  /**
   * Everything up to `seq` is safe elsewhere.
   * @param keep  the file that is being written to, never deleted here.
   * @returns how many bytes of disk that gave back.
   */
  acknowledge(seq: number, keep: SpoolFile | null): number {
    this.#acknowledged = Math.max(this.#acknowledged, Math.min(seq, this.lastSeq))
    this.accept(Math.max(this.#accepted, this.#acknowledged))
    let freedBytes = 0
    for (;;) {
      const [file] = this.files
      if (!file || file === keep || file.lastSeq > this.#acknowledged) return freedBytes
      unlinkSync(file.path)
      freedBytes += file.lengthBytes
      this.files.shift()
      if (this.#fileIndex === 0) this.#offset = 0
      else this.#fileIndex -= 1
    }
  }

  /** Null: every record was taken. */
  #nextFile(): SpoolFile | null {
    for (;;) {
      const file = this.files[this.#fileIndex]
      if (file && file.lastSeq > this.#accepted) return file
      if (this.#fileIndex >= this.files.length - 1) return null
      this.#fileIndex += 1
      this.#offset = 0
    }
  }

  #read(file: SpoolFile, limits: BatchLimits): readonly string[] {
    for (let size = limits.maxBytes; ; size *= 2) {
      const bytes = readRange(file.path, this.#offset, Math.min(size, file.lengthBytes - this.#offset))
      const end = endOfLines(bytes, size > limits.maxBytes ? 1 : limits.maxLines)
      if (end > 0) {
        this.#offset += end
        return bytes.toString('utf8', 0, end - 1).split('\n')
      }
    }
  }
}

/** The end of at most `maxLines` whole lines; 0 where there is not one. */
function endOfLines(bytes: Buffer, maxLines: number): number {
  let end = 0
  for (let count = 0; count < maxLines; count++) {
    const next = bytes.indexOf(0x0a, end)
    if (next < 0) break
    end = next + 1
  }
  return end
}

function readRange(path: string, offset: number, lengthBytes: number): Buffer {
  const bytes = Buffer.allocUnsafe(lengthBytes)
  const fd = openSync(path, 'r')
  try {
    return bytes.subarray(0, readSync(fd, bytes, 0, lengthBytes, offset))
  } finally {
    closeSync(fd)
  }
}
