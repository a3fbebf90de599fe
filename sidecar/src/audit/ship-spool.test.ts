import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pino } from 'pino'
import { chainStart, parseRecord, verifyLines, type AuditAck } from '@sallyport/crds'
import { AuditError, type AuditEvent } from '../model/audit-event.ts'
import { shipSpool, type ShipOptions } from './ship-spool.ts'
import { openSpool, type Spool } from './spool.ts'
import { readSpoolLines } from './testing/read-lines.ts'

const log = pino({ enabled: false })
const clock = { now: () => 1767323045678, monotonic: () => performance.now() }

let dir = ''
let spool: Spool
let stop = new AbortController()
let shipping: Promise<void> | null = null

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'spool-'))
  spool = open('pod-uid/boot-1')
  stop = new AbortController()
})
afterEach(async () => {
  stop.abort()
  await shipping
  await spool.close().catch(() => undefined)
  rmSync(dir, { recursive: true })
})

describe('shipSpool', () => {
  it('delivers every record once and in order, in batches of at most 500', async () => {
    const collector = new Collector()
    for (let seq = 1; seq <= 1700; seq++) spool.append(event(`${seq}`))
    start(collector)
    await collector.has('pod-uid/boot-1', 1700)
    expect(collector.sizes.every((size) => size <= 500)).toBe(true)
    expect(verifyLines(collector.lines('pod-uid/boot-1'), chainStart)).toMatchObject({ ok: true, last: { seq: 1700 } })
  })

  it('gathers records for a moment, so that a few do not cost a request each', async () => {
    const collector = new Collector()
    start(collector)
    for (let seq = 1; seq <= 20; seq++) {
      spool.append(event(`${seq}`))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await collector.has('pod-uid/boot-1', 20)
    expect(collector.sizes).toEqual([20])
  })

  it('does not wait for company when a session waits for the collector', async () => {
    const collector = new Collector()
    start(collector, { gatherMs: 60_000 })
    await spool.settled(spool.append(event('one')), 'Collector')
    expect(collector.sizes).toEqual([1])
  })

  it('sends again what failed, and what an answer was lost for', async () => {
    const collector = new Collector()
    collector.failures = ['Before', 'After', 'Before', 'After']
    for (let seq = 1; seq <= 600; seq++) spool.append(event(`${seq}`))
    start(collector)
    await collector.has('pod-uid/boot-1', 600)
    expect(verifyLines(collector.lines('pod-uid/boot-1'), chainStart)).toMatchObject({ ok: true, last: { seq: 600 } })
  })

  it('ships what an earlier boot left, then its own', async () => {
    for (let seq = 1; seq <= 5; seq++) spool.append(event(`${seq}`))
    await spool.close()
    spool = open('pod-uid/boot-2')
    spool.append(event('now'))
    const collector = new Collector()
    start(collector)
    await collector.has('pod-uid/boot-2', 1)
    expect(collector.lines('pod-uid/boot-1')).toHaveLength(5)
  })

  it('ships new records while the collector refuses those of an earlier boot', async () => {
    spool.append(event('earlier'))
    await spool.close()
    spool = open('pod-uid/boot-2')
    spool.append(event('now'))
    const collector = new Collector()
    collector.refusedSource = 'pod-uid/boot-1'
    start(collector)
    await collector.has('pod-uid/boot-2', 1)
    expect(spool.stats().leftoverSources).toBe(1)
  })

  it('ships what is left when it is told to stop', async () => {
    const collector = new Collector()
    start(collector, { gatherMs: 60_000 })
    spool.append(event('last words'))
    stop.abort()
    await shipping
    expect(collector.lines('pod-uid/boot-1')).toHaveLength(1)
  })

  it('stops in time when the collector is gone', async () => {
    start({ post: () => Promise.reject(new AuditError('ECONNREFUSED')) })
    spool.append(event('kept'))
    stop.abort()
    await shipping
    expect(spool.pending()?.lines).toHaveLength(1)
  })
})

describe('shipSpool to a collector that acknowledges later than it takes', () => {
  const source = 'pod-uid/boot-1'

  it('ships on, each record once, and keeps what is not acknowledged', async () => {
    const collector = new SealingCollector()
    for (let seq = 1; seq <= 1700; seq++) spool.append(event(`${seq}`))
    start(collector)
    await collector.until(() => collector.taken.length === 1700)
    expect(collector.posts.flatMap(({ lines }) => lines)).toHaveLength(1700)
    expect(spool.stats()).toMatchObject({ acknowledgedSeq: 0 })
    expect(readSpoolLines(dir)).toHaveLength(1700)
    collector.seal(1000)
    await collector.until(() => spool.stats().acknowledgedSeq === 1000)
    expect(spool.isAcknowledged).toBe(false)
    collector.seal(1700)
    await collector.until(() => spool.isAcknowledged)
    expect(verifyLines(collector.taken, chainStart)).toMatchObject({ ok: true, last: { seq: 1700 } })
  })

  it('asks how far it is from time to time, not all the time', async () => {
    const collector = new SealingCollector()
    spool.append(event('one'))
    start(collector, { askMs: 20 })
    await collector.until(() => collector.taken.length === 1)
    const startedMs = performance.now()
    await collector.until(() => collector.posts.length >= 6)
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(5 * 20 - 5)
    expect(collector.posts.slice(1).every(({ lines }) => lines.length === 0)).toBe(true)
    collector.seal(1)
    await collector.until(() => spool.isAcknowledged)
    const { length } = collector.posts
    spool.append(event('two'))
    await collector.until(() => collector.taken.length === 2)
    // Nothing was open meanwhile, so nothing was asked.
    expect(collector.posts).toHaveLength(length + 1)
    expect(collector.posts.at(-1)).toMatchObject({ afterSeq: 1, awaited: false })
  })

  it('sends again what the collector lost, whether it says so or finds a gap', async () => {
    const collector = new SealingCollector()
    for (let seq = 1; seq <= 20; seq++) spool.append(event(`${seq}`))
    start(collector)
    await collector.until(() => collector.taken.length === 20)
    collector.seal(8)
    await collector.until(() => spool.stats().acknowledgedSeq === 8)
    collector.lose()
    await collector.until(() => collector.taken.length === 20)
    collector.lose()
    spool.append(event('21'))
    await collector.until(() => collector.taken.length === 21)
    collector.seal(21)
    await collector.until(() => spool.isAcknowledged)
    expect(verifyLines(collector.taken, chainStart)).toMatchObject({ ok: true, last: { seq: 21 } })
  })

  it('says when somebody waits, who is told when it is acknowledged', async () => {
    const collector = new SealingCollector()
    start(collector, { askMs: 60_000 })
    let isSettled = false
    const settled = spool.settled(spool.append(event('one')), 'Collector').then(() => {
      isSettled = true
    })
    await collector.until(() => collector.posts.length >= 3)
    expect(collector.posts.every(({ awaited }) => awaited === true)).toBe(true)
    expect(isSettled).toBe(false)
    collector.seal(1)
    await settled
    spool.append(event('two'))
    await collector.until(() => collector.taken.length === 2)
    expect(collector.posts.at(-1)).toMatchObject({ awaited: false })
    spool.hurry()
    await collector.until(() => collector.posts.at(-1)?.awaited === true)
  })

  it('ships what an earlier boot left under its own chain, and gathers again after that', async () => {
    for (let seq = 1; seq <= 5; seq++) spool.append(event(`${seq}`))
    await spool.close()
    spool = open('pod-uid/boot-2')
    const collector = new SealingCollector()
    start(collector)
    await collector.until(() => collector.posts.some((post) => post.source === source))
    expect(spool.isUrgent).toBe(false)
    expect(spool.isAcknowledged).toBe(false)
  })
})

/** Takes every record in order, and acknowledges what it is told to; it may lose the rest. */
class SealingCollector {
  readonly posts: Parameters<ShipOptions['post']>[0][] = []
  readonly taken: string[] = []
  #sealed = 0

  readonly post: ShipOptions['post'] = async (batch) => {
    await new Promise((resolve) => setImmediate(resolve))
    this.posts.push(batch)
    const lines = batch.lines.filter((line) => (parseRecord(line)?.seq ?? 0) > this.taken.length)
    const first = parseRecord(lines[0] ?? '')
    if (first && first.seq !== this.taken.length + 1) throw new AuditError('409')
    this.taken.push(...lines)
    return { acknowledgedSeq: this.#sealed, acceptedSeq: this.taken.length }
  }

  seal(seq: number): void {
    this.#sealed = seq
  }

  lose(): void {
    this.taken.length = this.#sealed
  }

  /** Resolves when it holds, looking after every post. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Keeps records as the real one does: in order by source, and idempotent. */
class Collector {
  readonly sizes: number[] = []
  failures: ('Before' | 'After')[] = []
  refusedSource = ''
  readonly #lines = new Map<string, string[]>()
  readonly #arrivals: (() => void)[] = []

  readonly post: ShipOptions['post'] = async ({ source, lines }): Promise<AuditAck> => {
    await new Promise((resolve) => setImmediate(resolve))
    const failure = this.failures.shift()
    if (failure === 'Before' || source === this.refusedSource) throw new AuditError('the connection broke')
    const kept = this.lines(source)
    this.#lines.set(source, [...kept, ...lines.filter((line) => !kept.includes(line))])
    this.sizes.push(lines.length)
    if (failure === 'After') throw new AuditError('the connection broke')
    for (const arrival of this.#arrivals.splice(0)) arrival()
    return { acknowledgedSeq: this.lines(source).length }
  }

  lines(source: string): readonly string[] {
    return this.#lines.get(source) ?? []
  }

  async has(source: string, count: number): Promise<void> {
    while (this.lines(source).length < count) await new Promise<void>((resolve) => this.#arrivals.push(resolve))
  }
}

function start(collector: Pick<Collector, 'post'>, options: Partial<ShipOptions> = {}): void {
  shipping = shipSpool({
    spool,
    post: collector.post,
    signal: stop.signal,
    log,
    minRetryMs: 1,
    maxRetryMs: 5,
    askMs: 5,
    awaitedAskMs: 5,
    ...options,
  })
}

function open(source: string): Spool {
  return openSpool({ dir, source, maxBytes: 16 << 20, clock, log })
}

function event(reason: string): AuditEvent {
  return { kind: 'Gap', reason }
}
