import { appendFileSync, closeSync, existsSync, fstatSync, openSync, readSync, statSync, truncateSync } from 'node:fs'
import { basename } from 'node:path'
import type { Logger } from 'pino'
import { chainStart, parseRecord, verifyLines, type ChainPosition } from '@sallyport/crds'
import { AuditError, type AuditEvent, type AuditLog, type WrittenEvent } from '../model/audit-event.ts'
import type { Clock } from '../model/clock.ts'
import { GroupSync } from './group-sync.ts'
import { RecordFile, type RecordIo } from './record-file.ts'
import { RecordWriter } from './record-writer.ts'

export interface AuditFileOptions {
  readonly path: string
  readonly clock: Clock
  readonly log: Logger
  readonly io?: RecordIo
}

/**
 * The audit log of standalone mode: one file of JSON lines, one hash chain over all runs.
 *
 * An existing file is continued. A torn last line, left by a process that was killed while it wrote, is moved to
 * `<path>.torn` and declared by a Gap record. There is no collector here, so `settled(seq, 'Collector')` waits for the disk.
 * @throws AuditError when the file cannot be opened or does not end in a record.
 */
export function openAuditFile(options: AuditFileOptions): AuditFile {
  return new AuditFile(options)
}

export class AuditFile implements AuditLog {
  readonly #file: RecordFile
  readonly #sync: GroupSync
  readonly #writer: RecordWriter

  constructor(options: AuditFileOptions) {
    const found = continueChain(options.path)
    const io = options.io ? { io: options.io } : {}
    this.#file = new RecordFile(options.path, { length: found.lengthBytes, flags: found.exists ? 'r+' : 'wx', ...io })
    this.#sync = new GroupSync({ sync: () => this.#file.sync(), log: options.log })
    this.#writer = new RecordWriter({
      position: found.position,
      clock: options.clock,
      write: (lines, { last }) => this.#write(lines, last),
      onFailure: (cause) => options.log.error({ err: cause }, 'audit records could not be written; they are kept'),
    })
    if (found.gap !== null) this.append({ kind: 'Gap', reason: found.gap })
  }

  append(event: AuditEvent | WrittenEvent): number {
    return this.#writer.append(event)
  }

  appendLater(event: AuditEvent | WrittenEvent): void {
    this.#writer.appendLater(event)
  }

  /** Resolves when the record is on disk, the most there is to wait for without a collector. */
  settled(seq: number): Promise<void> {
    return this.#sync.settled(seq)
  }

  async flush(): Promise<void> {
    this.#writer.flush()
    await this.#sync.flush()
  }

  async close(): Promise<void> {
    try {
      await this.flush()
    } finally {
      this.#writer.close()
      this.#sync.close()
      this.#file.close()
    }
  }

  #write(lines: Buffer, lastSeq: number): void {
    if (this.#sync.failure) throw this.#sync.failure
    this.#file.write(lines)
    this.#sync.noted(lastSeq)
  }
}

interface ChainEnd {
  readonly exists: boolean
  readonly position: ChainPosition
  readonly lengthBytes: number
  /** Why a Gap record must come first; null: nothing was lost. */
  readonly gap: string | null
}

function continueChain(path: string): ChainEnd {
  if (!existsSync(path)) return { exists: false, position: chainStart, lengthBytes: 0, gap: null }
  const end = readEnd(path)
  if (!end) return { exists: true, position: chainStart, lengthBytes: 0, gap: null }
  const tornBytes = end.torn.length
  if (tornBytes > 0) {
    appendFileSync(`${path}.torn`, Buffer.concat([end.torn, Buffer.from('\n')]), { mode: 0o600 })
    truncateSync(path, end.lengthBytes)
  }
  const gap = tornBytes > 0 ? `a torn record of ${tornBytes} bytes was set aside in ${basename(path)}.torn` : null
  if (end.lastLine === null) return { exists: true, position: chainStart, lengthBytes: 0, gap }
  const record = parseRecord(end.lastLine)
  if (!record || !verifyLines([end.lastLine]).ok) {
    throw new AuditError('the audit file does not end in a record that verifies; move it away or name another one')
  }
  return { exists: true, position: { seq: record.seq, hash: record.hash }, lengthBytes: end.lengthBytes, gap }
}

interface FileEnd {
  /** Null where there is no whole line. */
  readonly lastLine: string | null
  /** Bytes after the last line end. */
  readonly torn: Buffer
  /** Bytes up to the last line end. */
  readonly lengthBytes: number
}

/** Null where the file is empty. */
function readEnd(path: string): FileEnd | null {
  const stat = statSync(path)
  if (!stat.isFile()) throw new AuditError('the audit file is not a regular file')
  if (stat.size === 0) return null
  const fd = openSync(path, 'r')
  try {
    for (let size = 64 << 10; ; size *= 4) {
      const sizeBytes = fstatSync(fd).size
      const start = Math.max(0, sizeBytes - size)
      const bytes = Buffer.alloc(sizeBytes - start)
      readSync(fd, bytes, 0, bytes.length, start)
      const lastEnd = bytes.lastIndexOf(0x0a)
      const beforeLast = lastEnd > 0 ? bytes.lastIndexOf(0x0a, lastEnd - 1) : -1
      if (start > 0 && beforeLast < 0) continue
      const lastLine = lastEnd < 0 ? null : bytes.toString('utf8', beforeLast + 1, lastEnd)
      return { lastLine, torn: bytes.subarray(lastEnd + 1), lengthBytes: start + lastEnd + 1 }
    }
  } finally {
    closeSync(fd)
  }
}
