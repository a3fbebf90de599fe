import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  parseRecord,
  sealSegment,
  segmentHash,
  verifyLines,
  type AuditAck,
  type AuditBatch,
  type AuditRun,
  type SegmentSpec,
} from '@sallyport/crds'
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
  /** What is acknowledged: what is on this disk, or what is in a segment; the latter where the disk may be lost. */
  readonly acknowledge: 'journal' | 'segment'
  /** At most one segment in so many milliseconds, and a record waits no longer for one. */
  readonly sealEveryMs?: number
  /** The same where segments are acknowledged and somebody waits, or more is there than fits into one. */
  readonly hurriedSealMs?: number
  /** How long it tries to seal the rest when it is closed. */
  readonly closeWithinMs?: number
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
 * Takes audit records from sidecars, makes them safe, and seals them into segments. A batch is acknowledged after fsync,
 * or when its segment exists; a file of the journal is deleted after its segment exists. So a crash at any instant loses
 * nothing acknowledged and doubles nothing: records are known by (source, seq), segments by their name.
 */
export class Collector {
  readonly #options: CollectorOptions
  readonly #statePath: string
  readonly #positions = new Map<string, SourcePosition>()
  /** The first `seq` of a source that is in no segment yet; none: all are. */
  readonly #unsealedFrom = new Map<string, number>()
  readonly #journal: Journal
  #state: CollectorState
  #sealing: Promise<void> = Promise.resolve()
  #nextSealMs = 0
  #failures = 0
  #isAwaited = false
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
      (run, file) => {
        const result = verifyLines(run.lines, this.#positions.get(run.source))
        if (result.ok && result.last) this.#positions.set(run.source, { ...result.last, seenMs })
        else this.#advance(run.source, run.lines, seenMs)
        if (file >= state.nextSeq) this.#noteUnsealed(run)
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
   * @returns the last `seq` of the source that is safe, and the last that was taken where that is another matter.
   * @throws CollectorError `refused`: it does not continue the chain or was edited; `gap`: records before it are missing;
   *   `full`: try later.
   */
  async accept(batch: AuditBatch): Promise<AuditAck> {
    if (this.#closed) throw new CollectorError('closed', 'the collector is shutting down')
    try {
      const accepted = this.#take(batch)
      // Read before the sync: a later batch of this source may be written and not yet be safe.
      const acceptedSeq = this.#acceptedSeq(batch.source)
      const isSealed = this.#options.acknowledge === 'segment'
      // Who only asks how far the segments are does not cost an fsync.
      if (accepted > 0 || !isSealed) await this.#flush()
      this.#options.metrics.accepted(accepted)
      if (!isSealed) return { acknowledgedSeq: acceptedSeq }
      if (batch.awaited === true) this.#hurry()
      return { acknowledgedSeq: this.acknowledgedSeq(batch.source), acceptedSeq }
    } catch (error) {
      this.#options.metrics.rejected(error instanceof CollectorError ? error.code : 'error')
      throw error
    }
  }

  /** The last `seq` of a source that is safe; 0: none is known. */
  acknowledgedSeq(source: string): number {
    const unsealed = this.#options.acknowledge === 'segment' ? this.#unsealedFrom.get(source) : undefined
    return unsealed === undefined ? this.#acceptedSeq(source) : unsealed - 1
  }

  /** Seals what is due; call about once a second. Never rejects. */
  tick(): Promise<void> {
    this.#sealing = this.#sealing.then(() => this.#sealDue(false))
    return this.#sealing
  }

  /** Takes no more, closes the journal, and seals what there is; where the store does not answer, it tries for a while. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#sealing
    this.#journal.close()
    const untilMs = performance.now() + (this.#options.closeWithinMs ?? 10_000)
    await this.#sealDue(true)
    while (this.#journal.closed.length > 0 && performance.now() < untilMs) {
      await sleep(500)
      await this.#sealDue(true)
    }
  }

  #acceptedSeq(source: string): number {
    return this.#positions.get(source)?.seq ?? 0
  }

  /** Seals as soon as it may. */
  #hurry(): void {
    if (this.#isAwaited) return
    this.#isAwaited = true
    void this.tick()
  }

  #take(batch: AuditBatch): number {
    const position = this.#startOf(batch)
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
    if (!position) this.#checkBeginning(batch, result.first.seq)
    const nowMs = this.#options.nowMs()
    const { source, namespace, pod } = batch
    this.#journal.append({ source, namespace, pod, lines }, nowMs, (part) => {
      this.#noteUnsealed(part)
      const last = parseRecord(part.lines.at(-1) ?? '')
      if (last) this.#positions.set(source, { seq: last.seq, hash: last.hash, seenMs: nowMs })
    })
    return lines.length
  }

  /**
   * Where a batch must go on. Undefined: it begins something here, also where the sidecar was told that more is safe than
   * is here: then our disk was lost, and refusing what follows would bring nothing back.
   */
  #startOf({ source, lines, afterSeq = 0 }: AuditBatch): SourcePosition | undefined {
    const position = this.#positions.get(source)
    const isLost = position !== undefined && afterSeq > position.seq && seqOf(lines[0] ?? '') === afterSeq + 1
    if (isLost) this.#options.log.error({ source, acknowledgedSeq: afterSeq, heldSeq: position.seq }, 'records that were acknowledged are not here') // prettier-ignore
    return isLost ? undefined : position
  }

  /** @throws CollectorError `gap` where records come that nobody has acknowledged what is before. */
  #checkBeginning({ source, afterSeq }: AuditBatch, firstSeq: number): void {
    if (afterSeq !== undefined && firstSeq !== afterSeq + 1) {
      throw new CollectorError('gap', `the records from ${afterSeq + 1} to ${firstSeq - 1} are not here`)
    }
    // Nothing is left here of what came before: take it, and let the verification of the log show the hole.
    if (firstSeq !== 1) this.#options.log.warn({ source, firstSeq }, 'a source continues a chain unknown here')
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

  #noteUnsealed({ source, lines }: AuditRun): void {
    const seq = seqOf(lines[0] ?? '')
    if (seq !== null && !this.#unsealedFrom.has(source)) this.#unsealedFrom.set(source, seq)
  }

  #noteSealed({ sources }: SegmentSpec): void {
    for (const { source, toSeq } of sources) {
      if (this.#acceptedSeq(source) > toSeq) this.#unsealedFrom.set(source, toSeq + 1)
      else this.#unsealedFrom.delete(source)
    }
  }

  async #sealDue(isLast: boolean): Promise<void> {
    const { nowMs, log, metrics } = this.#options
    try {
      for (;;) {
        this.#rotateWhenDue()
        if (this.#journal.closed.length === 0 || !(isLast || nowMs() >= this.#nextSealMs)) break
        this.#nextSealMs = nowMs() + this.#pauseMs
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

  /** Between two segments. */
  get #pauseMs(): number {
    const { acknowledge, sealEveryMs = 10_000, hurriedSealMs = 1000 } = this.#options
    return acknowledge === 'segment' ? hurriedSealMs : sealEveryMs
  }

  /** Closes the open file where its records have waited long enough, or may not wait. */
  #rotateWhenDue(): void {
    const { nowMs, sealEveryMs = 10_000 } = this.#options
    const { openedMs, closed } = this.#journal
    if (openedMs === null || closed.length > 0) return
    const isHurried = this.#isAwaited && nowMs() >= this.#nextSealMs
    if (!isHurried && nowMs() - openedMs < sealEveryMs) return
    this.#isAwaited = false
    this.#journal.rotate()
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
    this.#noteSealed(spec)
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
