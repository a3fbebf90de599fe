import {
  closeSync,
  fdatasync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  truncateSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { encodeRun, parseRun, type AuditRun } from '@sallyport/crds'
import { CollectorError } from './errors.ts'

export interface JournalLimits {
  /** A file is closed before what it will be as a segment can exceed so many bytes. */
  readonly maxPackedBytes: number
  readonly maxSources: number
  /** All files together; above it nothing is taken. */
  readonly maxTotalBytes: number
}

export const defaultJournalLimits: JournalLimits = {
  maxPackedBytes: 240 * 1024,
  maxSources: 200,
  maxTotalBytes: 1024 ** 3,
}

/** A file that takes no more records: the body of the segment with its number. */
export interface ClosedFile {
  readonly seq: number
  readonly bytes: number
}

interface OpenFile {
  readonly seq: number
  readonly fd: number
  readonly openedMs: number
  readonly sources: Set<string>
  bytes: number
  packedBytes: number
}

const datasync = promisify(fdatasync)

/**
 * An append-only log of records on this machine, one file for each segment to come. What {@link Journal.flush} has
 * resolved for survives the loss of power; what was cut by a crash is dropped when the log is opened again, and was never
 * acknowledged.
 */
export class Journal {
  readonly #dir: string
  readonly #limits: JournalLimits
  readonly #closed: ClosedFile[] = []
  #current: OpenFile | null = null
  #nextSeq: number
  #flushing: Promise<void> | null = null
  #again: Promise<void> | null = null

  private constructor(dir: string, limits: JournalLimits, nextSeq: number) {
    this.#dir = dir
    this.#limits = limits
    this.#nextSeq = nextSeq
  }

  /**
   * Opens the folder and reads what is there.
   * @param firstSeq  number of the first file where there is none.
   * @param onRun  called for each run of records, in order, with the number of its file.
   * @throws CollectorError `corrupt` when a line that is not the last cannot be read.
   */
  static open(
    dir: string,
    limits: JournalLimits,
    firstSeq: number,
    onRun: (run: AuditRun, file: number) => void,
  ): Journal {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    const journal = new Journal(dir, limits, firstSeq)
    for (const seq of listFiles(dir)) {
      const path = journal.#path(seq)
      const bytes = replay(path, (run) => onRun(run, seq))
      if (seq < firstSeq || bytes === 0) unlinkSync(path)
      else journal.#closed.push({ seq, bytes })
      if (bytes > 0) journal.#nextSeq = Math.max(journal.#nextSeq, seq + 1)
    }
    return journal
  }

  /** Files ready to become segments, oldest first. */
  get closed(): readonly ClosedFile[] {
    return this.#closed
  }

  /** Bytes of all files. */
  get bytes(): number {
    return this.#closed.reduce((sum, file) => sum + file.bytes, this.#current?.bytes ?? 0)
  }

  /** When the open file got its first record, Unix milliseconds; null: it has none. */
  get openedMs(): number | null {
    return this.#current?.openedMs ?? null
  }

  /**
   * Writes one run; it is safe once {@link flush} has resolved.
   * @param onWritten  called for each part of the run once it is written: a long run is split.
   * @throws CollectorError `full` when a part cannot be written; the parts told to `onWritten` are.
   */
  append(run: AuditRun, nowMs: number, onWritten: (part: AuditRun) => void): void {
    for (const part of splitRun(run)) {
      const bytes = Buffer.from(encodeRun(part), 'utf8')
      if (this.bytes + bytes.length > this.#limits.maxTotalBytes) {
        throw new CollectorError(
          'full',
          'the journal has reached its size limit: segments cannot be written fast enough',
        )
      }
      this.#write(bytes, part.source, nowMs)
      onWritten(part)
    }
  }

  /** Resolves when everything appended before is on disk. One fsync serves all who wait. Rejects: the disk is broken. */
  flush(): Promise<void> {
    if (!this.#flushing) {
      this.#flushing = this.#sync().finally(() => {
        this.#flushing = null
      })
      return this.#flushing
    }
    // The running fsync may have begun before the caller's write: wait for one that begins after it.
    this.#again ??= this.#flushing.then(() => {
      this.#again = null
      return this.flush()
    })
    return this.#again
  }

  /** Closes the open file, so that it becomes a segment. Nothing open: nothing happens. */
  rotate(): void {
    const current = this.#current
    if (!current) return
    fsyncSync(current.fd)
    closeSync(current.fd)
    this.#current = null
    this.#closed.push({ seq: current.seq, bytes: current.bytes })
  }

  /** The body of a closed file. */
  read(seq: number): string {
    return readFileSync(this.#path(seq), 'utf8')
  }

  /** Deletes the oldest closed file: its segment exists. */
  removeOldest(): void {
    const oldest = this.#closed[0]
    if (!oldest) return
    unlinkSync(this.#path(oldest.seq))
    this.#closed.shift()
  }

  close(): void {
    this.rotate()
  }

  async #sync(): Promise<void> {
    // Let those who write in this turn of the loop share the fsync.
    await Promise.resolve()
    const fd = this.#current?.fd
    if (fd === undefined) return
    try {
      await datasync(fd)
    } catch (cause) {
      // Closed by rotate(), which synced it first.
      if (this.#current?.fd !== fd) return
      throw new CollectorError('corrupt', 'the journal cannot be synced to disk', { cause })
    }
  }

  #write(bytes: Buffer, source: string, nowMs: number): void {
    const packedBytes = gzipSync(bytes, { level: 1 }).length
    if (this.#current && !this.#fits(this.#current, packedBytes, source)) this.rotate()
    this.#current ??= this.#create(nowMs)
    const file = this.#current
    try {
      writeAll(file.fd, bytes, file.bytes)
    } catch (cause) {
      ftruncateSync(file.fd, file.bytes)
      throw new CollectorError('full', 'the journal cannot be written', { cause })
    }
    file.bytes += bytes.length
    file.packedBytes += packedBytes
    file.sources.add(source)
  }

  #fits(file: OpenFile, packedBytes: number, source: string): boolean {
    if (file.bytes === 0) return true
    const sources = file.sources.size + (file.sources.has(source) ? 0 : 1)
    return file.packedBytes + packedBytes <= this.#limits.maxPackedBytes && sources <= this.#limits.maxSources
  }

  #create(nowMs: number): OpenFile {
    const seq = this.#nextSeq
    try {
      const fd = openSync(this.#path(seq), 'wx', 0o600)
      syncFolder(this.#dir)
      this.#nextSeq = seq + 1
      return { seq, fd, openedMs: nowMs, sources: new Set(), bytes: 0, packedBytes: 0 }
    } catch (cause) {
      throw new CollectorError('full', 'a file of the journal cannot be created', { cause })
    }
  }

  #path(seq: number): string {
    return join(this.#dir, `${String(seq).padStart(10, '0')}.ndjson`)
  }
}

/** A directory entry is on disk only after this. */
export function syncFolder(dir: string): void {
  const fd = openSync(dir, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function listFiles(dir: string): readonly number[] {
  return readdirSync(dir)
    .map((name) => /^(\d{10})\.ndjson$/.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((a, b) => a - b)
}

/** @returns the file's bytes after a cut last line was dropped. */
function replay(path: string, onRun: (run: AuditRun) => void): number {
  const content = readFileSync(path)
  const end = content.lastIndexOf(0x0a) + 1
  if (end < content.length) truncateSync(path, end)
  for (const line of content.toString('utf8', 0, end).split('\n')) {
    if (line === '') continue
    const run = parseRun(line)
    if (!run) throw new CollectorError('corrupt', `${path} holds a line that is no run of records`)
    onRun(run)
  }
  return end
}

function writeAll(fd: number, bytes: Buffer, position: number): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at, bytes.length - at, position + at)
}

const maxRunBytes = 96 * 1024

function* splitRun(run: AuditRun): Generator<AuditRun> {
  let lines: string[] = []
  let bytes = 0
  for (const line of run.lines) {
    const length = Buffer.byteLength(line)
    if (lines.length > 0 && bytes + length > maxRunBytes) {
      yield { ...run, lines }
      lines = []
      bytes = 0
    }
    lines.push(line)
    bytes += length
  }
  if (lines.length > 0) yield { ...run, lines }
}
