import { closeSync, fsync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Logger } from 'pino'
import { chainStart } from '@sallyport/crds'
import { AuditError, type AuditEvent, type AuditLog, type WrittenEvent } from '../model/audit-event.ts'
import type { Clock } from '../model/clock.ts'
import { GroupSync, SeqWaiters } from './group-sync.ts'
import { RecordFile, type RecordIo } from './record-file.ts'
import { RecordWriter } from './record-writer.ts'
import { scanLeftovers, spoolFileName, type SpoolFile } from './spool-files.ts'
import { SpoolSource, type BatchLimits, type PendingRecords } from './spool-source.ts'

export interface SpoolOptions {
  readonly dir: string
  /** `<pod UID>/<boot id>`; the boot id is new at every start and names the files. */
  readonly source: string
  /** All files together, those of earlier boots included. */
  readonly maxBytes: number
  readonly clock: Clock
  readonly log: Logger
  readonly observer?: SpoolObserver
  /** How long `settled(seq, 'Collector')` waits before it rejects. */
  readonly collectorTimeoutMs?: number
  readonly io?: RecordIo
}

/** What metrics are made of. */
export interface SpoolObserver {
  appended?(bytes: number): void
  refused?(failure: AuditError): void
  synced?(durationMs: number): void
  acknowledged?(records: number): void
}

export interface SpoolStats {
  readonly usedBytes: number
  readonly maxBytes: number
  /** Records of this boot: written, on disk, acknowledged by the collector. */
  readonly writtenSeq: number
  readonly syncedSeq: number
  readonly acknowledgedSeq: number
  /** Chains of earlier boots still to be shipped. */
  readonly leftoverSources: number
}

/**
 * The sidecar's records until the collector has them: one hash chain a boot, in files of bounded size.
 * @throws AuditError when the directory cannot be used.
 */
export function openSpool(options: SpoolOptions): Spool {
  return new Spool(options)
}

const batchLimits: BatchLimits = { maxLines: 500, maxBytes: 1 << 20 }
const maxFileBytes = 4 << 20

export class Spool implements AuditLog {
  readonly #options: SpoolOptions
  readonly #bootId: string
  readonly #sync: GroupSync
  readonly #collectorWaiters = new SeqWaiters()
  readonly #listeners = new Set<() => void>()
  readonly #own: SpoolSource
  readonly #writer: RecordWriter
  /** Whose records are shipped first. */
  #order: readonly SpoolSource[]
  /** Said before the next record: what was lost without our doing. */
  readonly #gaps: string[]
  /** Files with bytes no fsync has covered; the last one is written to. */
  readonly #files: RecordFile[] = []
  #current: { readonly file: RecordFile; readonly entry: SpoolFile } | null = null
  #fileNumber = 0
  #usedBytes: number
  #dirIsDirty = false
  #refusing = false
  #isHurried = false

  constructor(options: SpoolOptions) {
    this.#options = options
    const slash = options.source.lastIndexOf('/')
    this.#bootId = options.source.slice(slash + 1)
    const podPrefix = options.source.slice(0, slash + 1)
    const { leftovers, gaps } = openDirectory(options.dir)
    if (leftovers.some((leftover) => leftover.bootId === this.#bootId)) {
      throw new AuditError('the spool holds records of this very boot; a boot id must be new at every start')
    }
    this.#own = new SpoolSource(options.source, [])
    this.#order = [...leftovers.map(({ bootId, files }) => new SpoolSource(`${podPrefix}${bootId}`, files)), this.#own]
    this.#gaps = [...gaps]
    this.#usedBytes = leftovers.flatMap(({ files }) => files).reduce((sum, file) => sum + file.lengthBytes, 0)
    this.#writer = new RecordWriter({
      position: chainStart,
      clock: options.clock,
      write: (lines, seqs) => this.#write(lines, seqs),
      onFailure: (cause) => this.#refuse(cause),
    })
    this.#sync = new GroupSync({
      sync: () => this.#syncFiles(),
      log: options.log,
      onSynced: (durationMs) => options.observer?.synced?.(durationMs),
    })
  }

  append(event: AuditEvent | WrittenEvent): number {
    try {
      while (this.#gaps[0] !== undefined) {
        this.#writer.append({ kind: 'Gap', reason: this.#gaps[0] })
        this.#gaps.shift()
      }
      return this.#writer.append(event)
    } catch (cause) {
      throw this.#refuse(cause)
    }
  }

  appendLater(event: AuditEvent | WrittenEvent): void {
    try {
      this.#writer.appendLater(event)
    } catch (cause) {
      throw this.#refuse(cause)
    }
  }

  settled(seq: number, durability: 'Disk' | 'Collector'): Promise<void> {
    if (durability === 'Disk') return this.#sync.settled(seq)
    if (seq <= this.#own.acknowledgedSeq) return Promise.resolve()
    const promise = withTimeout(this.#collectorWaiters.wait(seq), this.#options.collectorTimeoutMs ?? 10_000)
    this.#announce()
    return promise
  }

  /** Resolves when everything said so far is on disk. */
  async flush(): Promise<void> {
    this.#writer.flush()
    await this.#sync.flush()
  }

  /** Flushes and closes; what the collector has not acknowledged stays for the next boot. */
  async close(): Promise<void> {
    try {
      await this.flush()
    } finally {
      this.#writer.close()
      this.#sync.close()
      this.#collectorWaiters.fail(new AuditError('the spool was closed'))
      this.#own.acknowledge(this.#own.acknowledgedSeq, null)
      for (const file of this.#files.splice(0)) file.close()
      this.#current = null
    }
  }

  /** The next records to ship, those of earlier boots first; the same ones until they are taken. */
  pending(): PendingRecords | null {
    for (const source of this.#order) {
      const records = source.pending(batchLimits)
      if (records) return records
    }
    return null
  }

  /** Others go first from now on: what the collector refuses of one chain must not hold up the rest. */
  defer(source: string): void {
    this.#order = [
      ...this.#order.filter((other) => other.source !== source),
      ...this.#order.filter((other) => other.source === source),
    ]
  }

  /** The collector has everything of `source` up to `seq`. */
  acknowledge(source: string, seq: number): void {
    const found = this.#order.find((other) => other.source === source)
    if (!found) return
    const before = found.acknowledgedSeq
    this.#usedBytes -= found.acknowledge(seq, this.#current?.entry ?? null)
    this.#options.observer?.acknowledged?.(found.acknowledgedSeq - before)
    if (found === this.#own) this.#collectorWaiters.settle(found.acknowledgedSeq)
    else if (found.files.length === 0) this.#order = this.#order.filter((other) => other !== found)
  }

  /** The collector has taken everything of `source` up to `seq`; it is not safe there before it is acknowledged. */
  accept(source: string, seq: number): void {
    const found = this.#order.find((other) => other.source === source)
    if (!found || found.accept(seq)) return
    this.#options.log.warn(
      { source, acceptedSeq: seq },
      'the collector lost what it had not acknowledged; it is sent again',
    )
  }

  /** What the collector has taken and not yet acknowledged. */
  unacknowledged(): readonly Pick<PendingRecords, 'source' | 'afterSeq'>[] {
    return this.#order
      .filter(({ acceptedSeq, acknowledgedSeq }) => acceptedSeq > acknowledgedSeq)
      .map(({ source, acknowledgedSeq }) => ({ source, afterSeq: acknowledgedSeq }))
  }

  /** The collector has acknowledged every record there is. */
  get isAcknowledged(): boolean {
    return this.#order.every(({ lastSeq, acknowledgedSeq }) => lastSeq <= acknowledgedSeq)
  }

  /** The pod ends: whatever is left is to be acknowledged soon. */
  hurry(): void {
    this.#isHurried = true
    this.#announce()
  }

  /** A session, or the end of the pod, waits for the collector's acknowledgement. */
  get isAwaited(): boolean {
    return this.#isHurried || this.#collectorWaiters.size > 0
  }

  /** A full batch waits, or somebody waits for the collector: ship without delay. */
  get isUrgent(): boolean {
    const waiting = this.#own.lastSeq - this.#own.acceptedSeq
    const isLeftOver = this.#order.some((source) => source !== this.#own && source.lastSeq > source.acceptedSeq)
    return this.isAwaited || isLeftOver || waiting >= batchLimits.maxLines
  }

  /** Calls `listener` when there is something new to ship. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  stats(): SpoolStats {
    return {
      usedBytes: this.#usedBytes,
      maxBytes: this.#options.maxBytes,
      writtenSeq: this.#own.lastSeq,
      syncedSeq: this.#sync.syncedSeq,
      acknowledgedSeq: this.#own.acknowledgedSeq,
      leftoverSources: this.#order.length - 1,
    }
  }

  #write(lines: Buffer, { first, last }: { readonly first: number; readonly last: number }): void {
    if (this.#sync.failure) throw this.#sync.failure
    if (this.#usedBytes + lines.length > this.#options.maxBytes) throw new AuditError('the audit spool is full')
    const current = this.#fileFor(lines.length, first)
    current.file.write(lines)
    current.entry.lastSeq = last
    current.entry.lengthBytes = current.file.length
    this.#usedBytes += lines.length
    this.#sync.noted(last)
    this.#options.observer?.appended?.(lines.length)
    if (this.#refusing) this.#options.log.info('audit records can be written again')
    this.#refusing = false
    this.#announce()
  }

  /** Small enough files that acknowledged ones can be deleted before a small spool is full. */
  #fileFor(bytes: number, seq: number): { readonly file: RecordFile; readonly entry: SpoolFile } {
    const limitBytes = Math.min(maxFileBytes, this.#options.maxBytes / 4)
    if (this.#current && (this.#current.file.length === 0 || this.#current.file.length + bytes <= limitBytes))
      return this.#current
    const path = join(this.#options.dir, spoolFileName(this.#bootId, this.#fileNumber + 1))
    const file = new RecordFile(path, { length: 0, flags: 'wx', ...(this.#options.io ? { io: this.#options.io } : {}) })
    this.#fileNumber += 1
    const entry: SpoolFile = { path, firstSeq: seq, lastSeq: seq - 1, lengthBytes: 0 }
    this.#files.push(file)
    this.#own.files.push(entry)
    this.#current = { file, entry }
    this.#dirIsDirty = true
    this.#usedBytes -= this.#own.acknowledge(this.#own.acknowledgedSeq, entry)
    return this.#current
  }

  async #syncFiles(): Promise<void> {
    const files = [...this.#files]
    const dirIsDirty = this.#dirIsDirty
    for (const file of files) if (file.isDirty) await file.sync()
    if (dirIsDirty) {
      await syncDirectory(this.#options.dir)
      this.#dirIsDirty = false
    }
    for (const file of files) {
      if (file === this.#current?.file || file.isDirty) continue
      file.close()
      this.#files.splice(this.#files.indexOf(file), 1)
    }
  }

  #refuse(cause: unknown): AuditError {
    const failure =
      cause instanceof AuditError ? cause : new AuditError('the audit record could not be written', { cause })
    if (!this.#refusing)
      this.#options.log.error({ err: failure }, 'audit records cannot be written; statements are refused')
    this.#refusing = true
    this.#options.observer?.refused?.(failure)
    return failure
  }

  #announce(): void {
    for (const listener of this.#listeners) listener()
  }
}

function openDirectory(dir: string): ReturnType<typeof scanLeftovers> {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    return scanLeftovers(dir)
  } catch (cause) {
    throw new AuditError('the spool directory cannot be used', { cause })
  }
}

const fsyncAsync = promisify(fsync)

async function syncDirectory(dir: string): Promise<void> {
  const fd = openSync(dir, 'r')
  try {
    await fsyncAsync(fd)
  } finally {
    closeSync(fd)
  }
}

async function withTimeout(promise: Promise<void>, timeoutMs: number): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    reject(new AuditError('the collector did not acknowledge the record in time'))
  }, timeoutMs)
  timer.unref()
  try {
    await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
