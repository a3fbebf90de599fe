import { ChainSealer, eventFields, type ChainPosition } from '@sallyport/crds'
import { AuditError, type AuditEvent, type WrittenEvent } from '../model/audit-event.ts'
import type { Clock } from '../model/clock.ts'

export interface RecordWriterOptions {
  /** Where the chain stands. */
  readonly position: ChainPosition
  readonly clock: Clock
  /** Writes whole lines, all or none. Throws where it cannot. */
  readonly write: (lines: Buffer, seqs: { readonly first: number; readonly last: number }) => void
  /** What waited could not be written; it goes on waiting. */
  readonly onFailure: (cause: unknown) => void
}

/** How long a record may wait for another one to be written with. */
const waitMs = 5
const retryMs = 100
const fullBatchBytes = 64 << 10
/** More than this does not wait for a disk that takes nothing. */
const maxWaitingBytes = 1 << 20

/** Seals the records of one chain and writes them: those that may wait together with the next that may not. */
export class RecordWriter {
  readonly #options: RecordWriterOptions
  readonly #sealer: ChainSealer
  #waiting: Buffer[] = []
  #waitingBytes = 0
  #writtenSeq: number
  #timer: NodeJS.Timeout | null = null

  constructor(options: RecordWriterOptions) {
    this.#options = options
    this.#sealer = new ChainSealer(options.position)
    this.#writtenSeq = options.position.seq
  }

  /** `seq` of the last record, written or waiting. */
  get lastSeq(): number {
    return this.#sealer.position.seq
  }

  /**
   * The record is written when this returns.
   * @returns its `seq`.
   * @throws whatever `write` throws; then it is as if there had been no such record.
   */
  append(event: AuditEvent | WrittenEvent): number {
    const before = this.#sealer.position
    const line = this.#seal(event)
    try {
      this.#write(line)
    } catch (cause) {
      this.#sealer.rewind(before)
      throw cause
    }
    return this.lastSeq
  }

  /**
   * The record is written with the next one, or within 5 ms.
   * @throws AuditError when too much waits already.
   */
  appendLater(event: AuditEvent | WrittenEvent): void {
    if (this.#waitingBytes > maxWaitingBytes) throw new AuditError('too many audit records wait to be written')
    const line = this.#seal(event)
    this.#waiting.push(line)
    this.#waitingBytes += line.length
    if (this.#waitingBytes >= fullBatchBytes) this.#tryFlush()
    else this.#arm(waitMs)
  }

  /** Writes what waits. @throws whatever `write` throws. */
  flush(): void {
    if (this.#waiting.length > 0) this.#write(null)
  }

  /** What could not be written until now is given up. */
  close(): void {
    if (this.#timer) clearTimeout(this.#timer)
  }

  #seal(event: AuditEvent | WrittenEvent): Buffer {
    return this.#sealer.seal(this.#options.clock.now(), 'fields' in event ? event.fields : eventFields(event))
  }

  #write(line: Buffer | null): void {
    const lines = line ? [...this.#waiting, line] : this.#waiting
    const [only] = lines
    const { lastSeq } = this
    this.#options.write(lines.length === 1 && only ? only : Buffer.concat(lines), {
      first: this.#writtenSeq + 1,
      last: lastSeq,
    })
    this.#writtenSeq = lastSeq
    this.#waiting = []
    this.#waitingBytes = 0
  }

  #tryFlush(): void {
    try {
      this.flush()
    } catch (cause) {
      this.#options.onFailure(cause)
      this.#arm(retryMs)
    }
  }

  #arm(delayMs: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      this.#tryFlush()
    }, delayMs)
  }
}
