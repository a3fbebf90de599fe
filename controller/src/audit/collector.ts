import { join } from 'node:path'
import { parseRecord, sealSegment, segmentHash, verifyLines, type AuditBatch, type SegmentSpec } from '@sallyport/crds'
import type { Logger } from 'pino'
import {
  firstState,
  newStream,
  readState,
  writeState,
  type CollectorState,
  type SourcePosition,
} from './collector-state.ts'
import { CollectorError } from './errors.ts'
import { defaultJournalLimits, Journal, type JournalLimits } from './journal.ts'
import type { SegmentStore } from './segment-store.ts'

export interface CollectorOptions {
  /** Folder of journal and state. */
  readonly dir: string
  /** Begins the names of segments, e.g. the pod's name; a DNS label. */
  readonly streamPrefix: string
  readonly store: SegmentStore
  /** Unix milliseconds. */
  readonly nowMs: () => number
  readonly log: Logger
  readonly metrics: CollectorMetrics
  /** At most one segment in so many milliseconds, and a record waits no longer for one. */
  readonly sealEveryMs?: number
  readonly limits?: JournalLimits
  /** The disk failed: the process must end. */
  readonly onBroken: (error: unknown) => void
}

export interface CollectorMetrics {
  readonly accepted: (records: number) => void
  readonly rejected: (code: string) => void
  readonly segment: (result: 'created' | 'taken' | 'failed') => void
  readonly backlog: (bytes: number, files: number) => void
}

/**
 * Takes audit records from sidecars, makes them safe, and seals them into segments. A batch is acknowledged after fsync;
 * a file of the journal is deleted after its segment exists. So a crash at any instant loses nothing acknowledged and
 * doubles nothing: records are known by (source, seq), segments by their name.
 */
export class Collector {
  readonly #options: CollectorOptions
  readonly #statePath: string
  readonly #positions = new Map<string, SourcePosition>()
  readonly #journal: Journal
  #state: CollectorState
  #sealing: Promise<void> = Promise.resolve()
  #nextSealMs = 0
  #failures = 0
  #closed = false

  private constructor(options: CollectorOptions, state: CollectorState, positions: Iterable<[string, SourcePosition]>) {
    this.#options = options
    this.#statePath = join(options.dir, 'state.json')
    this.#state = state
    for (const [source, position] of positions) this.#positions.set(source, position)
    const seenMs = options.nowMs()
    this.#journal = Journal.open(
      join(options.dir, 'journal'),
      options.limits ?? defaultJournalLimits,
      state.nextSeq,
      (run) => {
        const result = verifyLines(run.lines, this.#positions.get(run.source))
        if (result.ok && result.last) this.#positions.set(run.source, { ...result.last, seenMs })
        else this.#advance(run.source, run.lines, seenMs)
      },
    )
  }

  /**
   * Opens the folder; where it is new, learns from the segments that exist how far each source had come.
   * @throws CollectorError `corrupt`; KubeError when segments are needed and cannot be read.
   */
  static async open(options: CollectorOptions): Promise<Collector> {
    const held = readState(join(options.dir, 'state.json'))
    if (held) return new Collector(options, held, Object.entries(held.sources))
    const positions = new Map<string, SourcePosition>()
    const seenMs = options.nowMs()
    for await (const { source, toSeq, lastHash } of options.store.positions()) {
      if ((positions.get(source)?.seq ?? 0) < toSeq) positions.set(source, { seq: toSeq, hash: lastHash, seenMs })
    }
    const collector = new Collector(options, firstState(options.streamPrefix), positions)
    await collector.#saveState(collector.#state)
    return collector
  }

  /**
   * Takes one batch; what it held before is skipped.
   * @returns the last `seq` of the source that is safe.
   * @throws CollectorError `refused`: it does not continue the chain or was edited; `gap`: records before it are missing;
   *   `full`: try later.
   */
  async accept(batch: AuditBatch): Promise<number> {
    if (this.#closed) throw new CollectorError('closed', 'the collector is shutting down')
    try {
      const accepted = this.#take(batch)
      // Taken before the sync: a later batch of this source may be written and not yet be safe.
      const seq = this.acknowledgedSeq(batch.source)
      await this.#flush()
      this.#options.metrics.accepted(accepted)
      return seq
    } catch (error) {
      this.#options.metrics.rejected(error instanceof CollectorError ? error.code : 'error')
      throw error
    }
  }

  /** How far a source has come; 0: not known. */
  acknowledgedSeq(source: string): number {
    return this.#positions.get(source)?.seq ?? 0
  }

  /** Seals what is due; call about once a second. Never rejects. */
  tick(): Promise<void> {
    this.#sealing = this.#sealing.then(() => this.#sealDue(false))
    return this.#sealing
  }

  /** Takes no more, seals what there is as far as the store answers, and closes the journal. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#sealing
    this.#journal.close()
    await this.#sealDue(true)
  }

  #take(batch: AuditBatch): number {
    const position = this.#positions.get(batch.source)
    const lines = position ? this.#unseen(batch, position) : batch.lines
    if (lines.length === 0) return 0
    const result = verifyLines(lines, position)
    if (!result.ok) {
      const { problem, message } = result
      this.#options.log.error(
        { source: batch.source, pod: batch.pod, problem, seq: result.seq },
        'an audit batch was refused',
      )
      throw new CollectorError(problem === 'gap' ? 'gap' : 'refused', message)
    }
    if (!result.first || !result.last) return 0
    if (!position && result.first.seq !== 1) {
      // Nothing is left here of what came before: take it, and let the verification of the log show the hole.
      this.#options.log.warn(
        { source: batch.source, firstSeq: result.first.seq },
        'a source continues a chain unknown here',
      )
    }
    const nowMs = this.#options.nowMs()
    const { source, namespace, pod } = batch
    this.#journal.append({ source, namespace, pod, lines }, nowMs, (part) => {
      const last = parseRecord(part.lines.at(-1) ?? '')
      if (last) this.#positions.set(source, { seq: last.seq, hash: last.hash, seenMs: nowMs })
    })
    return lines.length
  }

  /** After a failed sync nobody knows what is on disk, and a second one would lie: take nothing more. */
  async #flush(): Promise<void> {
    try {
      await this.#journal.flush()
    } catch (error) {
      this.#closed = true
      this.#options.onBroken(error)
      throw error
    }
  }

  /** Lines after the position. One that repeats the last record must be that record. */
  #unseen(batch: AuditBatch, position: SourcePosition): readonly string[] {
    const unseen: string[] = []
    for (const line of batch.lines) {
      const seq = seqOf(line)
      if (seq === position.seq && !line.endsWith(`"hash":"${position.hash}"}`)) {
        throw new CollectorError('refused', `the record ${seq} is not the one that was acknowledged`)
      }
      if (seq === null || seq > position.seq) unseen.push(line)
    }
    return unseen
  }

  /** Trusts a replayed run whose beginning lies in an older file: it was verified before it was written. */
  #advance(source: string, lines: readonly string[], seenMs: number): void {
    const last = verifyLines(lines)
    if (!last.ok || !last.last) throw new CollectorError('corrupt', 'the journal holds records whose chain is broken')
    if (last.last.seq > (this.#positions.get(source)?.seq ?? 0)) this.#positions.set(source, { ...last.last, seenMs })
  }

  async #sealDue(isLast: boolean): Promise<void> {
    const { nowMs, sealEveryMs = 10_000, log, metrics } = this.#options
    try {
      const openedMs = this.#journal.openedMs
      if (openedMs !== null && nowMs() - openedMs >= sealEveryMs && this.#journal.closed.length === 0)
        this.#journal.rotate()
      while (this.#journal.closed.length > 0 && (isLast || nowMs() >= this.#nextSealMs)) {
        this.#nextSealMs = nowMs() + sealEveryMs
        await this.#sealOldest()
        this.#failures = 0
      }
    } catch (err) {
      this.#failures += 1
      this.#nextSealMs = nowMs() + Math.min(60_000, 1000 * 2 ** Math.min(this.#failures, 6))
      metrics.segment('failed')
      log.error(
        { err, waiting: this.#journal.closed.length },
        'a segment could not be created, its records stay in the journal',
      )
    }
    metrics.backlog(this.#journal.bytes, this.#journal.closed.length)
  }

  async #sealOldest(): Promise<void> {
    const file = this.#journal.closed[0]
    if (!file) return
    const body = this.#journal.read(file.seq)
    const spec = sealSegment(this.#state.stream, file.seq, this.#state.lastSegmentHash, body)
    const result = await this.#options.store.create(spec)
    this.#options.metrics.segment(result)
    if (result === 'taken') {
      await this.#beginStream(spec)
      return
    }
    await this.#saveState({ ...this.#state, nextSeq: file.seq + 1, lastSegmentHash: segmentHash(spec) })
    this.#journal.removeOldest()
  }

  /** Somebody else wrote under our name, or wrote it anew: never overwrite, go on under another one. */
  async #beginStream(spec: SegmentSpec): Promise<void> {
    const stream = newStream(this.#options.streamPrefix)
    const { stream: old, seq } = spec
    this.#options.log.fatal({ stream: old, seq, next: stream }, 'an audit segment of this name holds something else')
    await this.#saveState({ ...this.#state, stream })
    this.#nextSealMs = 0
  }

  /** Positions are taken before the sync, so that the file never claims more than is on disk. */
  async #saveState(state: CollectorState): Promise<void> {
    const oldestMs = this.#options.nowMs() - keepSourcesMs
    const sources = Object.fromEntries([...this.#positions].filter(([, position]) => position.seenMs >= oldestMs))
    await this.#flush()
    writeState(this.#statePath, { ...state, sources })
    this.#state = state
  }
}

/** A pod that was silent for so long is gone. */
const keepSourcesMs = 30 * 24 * 3_600_000

function seqOf(line: string): number | null {
  const digits = /^\{"seq":(\d{1,16}),/.exec(line)?.[1]
  return digits === undefined ? null : Number(digits)
}
