import { appendFileSync, cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  chainStart,
  openSegment,
  sealRecord,
  segmentHash,
  segmentName,
  verifyLines,
  type SegmentSpec,
} from '@sallyport/crds'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Collector, type CollectorOptions } from './collector.ts'
import type { SegmentStore } from './segment-store.ts'

let dir = ''
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'collector-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

class MemoryStore implements SegmentStore {
  readonly segments = new Map<string, SegmentSpec>()
  fails = false

  create(spec: SegmentSpec): Promise<'created' | 'taken'> {
    if (this.fails) return Promise.reject(new TypeError('unreachable'))
    const name = segmentName(spec.stream, spec.seq)
    const held = this.segments.get(name)
    if (held) return Promise.resolve(segmentHash(held) === segmentHash(spec) ? 'created' : 'taken')
    this.segments.set(name, spec)
    return Promise.resolve('created')
  }

  async *positions(): AsyncGenerator<{ source: string; toSeq: number; lastHash: string }> {
    for (const segment of this.segments.values()) yield* await Promise.resolve(segment.sources)
  }

  lines(source: string): string[] {
    return [...this.segments.values()].flatMap((spec) => {
      const opened = openSegment(spec)
      return opened.ok ? opened.runs.filter((run) => run.source === source).flatMap((run) => run.lines) : []
    })
  }
}

const quiet = {
  accepted: () => undefined,
  rejected: () => undefined,
  segment: () => undefined,
  backlog: () => undefined,
}

function open(
  folder: string,
  store: SegmentStore,
  nowMs: () => number = () => Date.now(),
  options: Partial<CollectorOptions> = {},
): Promise<Collector> {
  const log = pino({ level: 'silent' })
  return Collector.open({
    acknowledge: 'journal',
    closeWithinMs: 0,
    dir: folder,
    streamPrefix: 's',
    store,
    nowMs,
    log,
    metrics: quiet,
    onBroken: () => undefined,
    ...options,
  })
}

function chain(count: number, padding = ''): string[] {
  const lines: string[] = []
  let prev = chainStart.hash
  for (let seq = 1; seq <= count; seq += 1) {
    const event = { kind: 'Statement', padding }
    const record = sealRecord(prev, seq, 1_700_000_000_000 + seq, event)
    lines.push(record.line)
    prev = record.hash
  }
  return lines
}

const batch = (lines: readonly string[], source = 'u/b') => ({ source, namespace: 'n', pod: 'p', lines })

describe('Collector', () => {
  it('acknowledges, skips what it has, and refuses gaps and edits', async () => {
    const collector = await open(dir, new MemoryStore())
    const lines = chain(10)
    expect(await collector.accept(batch(lines.slice(0, 4)))).toEqual({ acknowledgedSeq: 4 })
    expect(await collector.accept(batch(lines.slice(0, 6)))).toEqual({ acknowledgedSeq: 6 })
    await expect(collector.accept(batch(lines.slice(8)))).rejects.toMatchObject({ code: 'gap' })
    const edited = lines.slice(6).map((line) => line.replace('Statement', 'Nothing'))
    await expect(collector.accept(batch(edited))).rejects.toMatchObject({ code: 'refused' })
    expect(await collector.accept(batch(lines))).toEqual({ acknowledgedSeq: 10 })
    await collector.close()
  })

  it('loses nothing acknowledged and doubles nothing whenever its process is killed', async () => {
    const store = new MemoryStore()
    const lines = chain(40)
    let folder = dir
    for (let from = 0; from < 40; from += 4) {
      const collector = await open(folder, store)
      expect(await collector.accept(batch(lines.slice(Math.max(0, from - 2), from + 4)))).toEqual({
        acknowledgedSeq: from + 4,
      })
      if (from % 8 === 0) {
        store.fails = from % 16 === 0
        await collector.close()
        store.fails = false
      }
      // What a killed process leaves behind: its folder as it is, perhaps with half a line at the end of a file.
      const next = join(dir, `copy-${from}`)
      cpSync(join(folder, 'journal'), join(next, 'journal'), { recursive: true })
      cpSync(join(folder, 'state.json'), join(next, 'state.json'))
      for (const name of readdirSync(join(next, 'journal')))
        appendFileSync(join(next, 'journal', name), '{"source":"u/b","names')
      folder = next
    }
    const last = await open(folder, store)
    expect(last.acknowledgedSeq('u/b')).toBe(40)
    await last.close()
    expect(store.lines('u/b')).toEqual(lines)
    expect(verifyLines(store.lines('u/b'), chainStart).ok).toBe(true)
  })

  it('creates the same segment again when it was killed between create and delete, and only one', async () => {
    const store = new MemoryStore()
    const first = await open(dir, store)
    await first.accept(batch(chain(5)))
    const before = join(dir, 'before')
    cpSync(join(dir, 'journal'), join(before, 'journal'), { recursive: true })
    cpSync(join(dir, 'state.json'), join(before, 'state.json'))
    await first.close()
    const again = await open(before, store)
    await again.close()
    expect([...store.segments.keys()]).toHaveLength(1)
    expect(readdirSync(join(before, 'journal'))).toEqual([])
  })

  it('never overwrites a segment of another content: it goes on under another stream', async () => {
    const store = new MemoryStore()
    const collector = await open(dir, store)
    const create = store.create.bind(store)
    let isFirst = true
    store.create = (spec) => {
      if (isFirst) store.segments.set(segmentName(spec.stream, spec.seq), { ...spec, count: 99 })
      isFirst = false
      return create(spec)
    }
    await collector.accept(batch(chain(3)))
    await collector.close()
    const streams = new Set([...store.segments.values()].map((spec) => spec.stream))
    expect(streams.size).toBe(2)
    expect(store.lines('u/b').slice(-3)).toEqual(chain(3))
  })

  it('learns from the segments how far a source had come where its disk is new', async () => {
    const store = new MemoryStore()
    const first = await open(dir, store)
    await first.accept(batch(chain(7)))
    await first.close()
    const second = await open(join(dir, 'new'), store)
    expect(await second.accept(batch(chain(7)))).toEqual({ acknowledgedSeq: 7 })
    await second.close()
    expect(store.lines('u/b')).toEqual(chain(7))
  })

  it('seals at most one segment in ten seconds, each small enough for an object, all chained', async () => {
    const store = new MemoryStore()
    let now = 1_000_000
    const collector = await open(dir, store, () => now)
    const noise = Array.from({ length: 300 }, (_, index) => ((index * 2_654_435_761) >>> 0).toString(36)).join('')
    await collector.accept(batch(chain(1500, noise)))
    await collector.tick()
    expect(store.segments.size).toBeLessThanOrEqual(1)
    const counts: number[] = []
    for (let step = 0; step < 30; step += 1) {
      now += 1000
      await collector.tick()
      counts.push(store.segments.size)
    }
    expect(counts.at(9)).toBeLessThanOrEqual(2)
    await collector.close()
    const specs = [...store.segments.values()]
    for (const [index, spec] of specs.entries()) {
      expect(spec.body.length).toBeLessThan(256 * 1024 * (4 / 3))
      const before = specs[index - 1]
      if (before) expect(spec.prevSegmentHash).toBe(segmentHash(before))
    }
    expect(store.lines('u/b')).toHaveLength(1500)
  })
})

describe('a Collector that acknowledges segments', () => {
  const segments = { acknowledge: 'segment' } as const
  const asks = (afterSeq = 0) => ({ ...batch([]), afterSeq })

  it('acknowledges what is in a segment, and says what it has taken', async () => {
    const store = new MemoryStore()
    let now = 1_000_000
    const collector = await open(dir, store, () => now, segments)
    const lines = chain(6)
    expect(await collector.accept(batch(lines.slice(0, 4)))).toEqual({ acknowledgedSeq: 0, acceptedSeq: 4 })
    now += 9000
    await collector.tick()
    expect(await collector.accept(asks())).toEqual({ acknowledgedSeq: 0, acceptedSeq: 4 })
    now += 1000
    store.fails = true
    await collector.tick()
    expect(await collector.accept(asks())).toEqual({ acknowledgedSeq: 0, acceptedSeq: 4 })
    store.fails = false
    now += 60_000
    await collector.tick()
    expect(await collector.accept(batch(lines.slice(4)))).toEqual({ acknowledgedSeq: 4, acceptedSeq: 6 })
    await collector.close()
    expect(collector.acknowledgedSeq('u/b')).toBe(6)
    expect(store.lines('u/b')).toEqual(lines)
  })

  it('seals at once what somebody waits for, once a second at most', async () => {
    const store = new MemoryStore()
    let now = 1_000_000
    const collector = await open(dir, store, () => now, segments)
    const lines = chain(3)
    for (const [index, line] of lines.entries()) {
      await collector.accept({ ...batch([line]), afterSeq: 0, awaited: true })
      await collector.tick()
      // The first is sealed at once; those after it wait for the second to pass.
      expect(store.segments.size).toBe(index === 0 ? 1 : index)
      now += index === 0 ? 999 : 1000
      await collector.tick()
      expect(store.segments.size).toBe(index === 0 ? 1 : index + 1)
    }
    expect(collector.acknowledgedSeq('u/b')).toBe(3)
    await collector.close()
  })

  it('knows after a restart what of its journal is in no segment', async () => {
    const store = new MemoryStore()
    let now = 1_000_000
    const first = await open(dir, store, () => now, segments)
    const lines = chain(8)
    await first.accept(batch(lines.slice(0, 5)))
    now += 10_000
    await first.tick()
    await first.accept(batch(lines.slice(5)))
    const second = await open(dir, store, () => now, segments)
    expect(await second.accept(asks(5))).toEqual({ acknowledgedSeq: 5, acceptedSeq: 8 })
    await second.tick()
    await second.tick()
    now += 1000
    await second.tick()
    expect(await second.accept(asks(5))).toEqual({ acknowledgedSeq: 8, acceptedSeq: 8 })
    expect(store.lines('u/b')).toEqual(lines)
    await second.close()
  })

  it('loses nothing acknowledged and doubles nothing when it is killed and its disk with it', async () => {
    const store = new MemoryStore()
    const lines = chain(300)
    const random = generator(7)
    let now = 1_000_000
    let [acknowledged, accepted] = [0, 0]
    let kills = 0
    let collector = await open(join(dir, '0'), store, () => now, segments)
    for (let step = 0; step < 5000 && acknowledged < lines.length; step += 1) {
      const to = Math.min(lines.length, accepted + Math.floor(random() * 9))
      try {
        const ack = await collector.accept({ ...batch(lines.slice(accepted, to)), afterSeq: acknowledged })
        acknowledged = Math.max(acknowledged, ack.acknowledgedSeq)
        accepted = ack.acceptedSeq ?? 0
      } catch (error) {
        expect(error).toMatchObject({ code: 'gap' })
        accepted = acknowledged
      }
      now += Math.floor(random() * 4000)
      store.fails = random() < 0.2
      if (random() < 0.5) await collector.tick()
      if (random() > 0.1) continue
      kills += 1
      store.fails = false
      collector = await open(join(dir, String(kills)), store, () => now, segments)
      expect(store.lines('u/b').slice(0, acknowledged)).toEqual(lines.slice(0, acknowledged))
    }
    expect(kills).toBeGreaterThan(5)
    expect(acknowledged).toBe(lines.length)
    expect(store.lines('u/b')).toEqual(lines)
    expect(verifyLines(store.lines('u/b'), chainStart).ok).toBe(true)
    await collector.close()
  })

  it('takes no records from a source that runs ahead of what anybody has acknowledged', async () => {
    const store = new MemoryStore()
    const collector = await open(dir, store, undefined, segments)
    const ahead = { ...batch(chain(9).slice(5)), afterSeq: 2 }
    await expect(collector.accept(ahead)).rejects.toMatchObject({ code: 'gap' })
    expect(collector.acknowledgedSeq('u/b')).toBe(0)
    await collector.accept({ ...ahead, afterSeq: 5 })
    await collector.close()
    expect(collector.acknowledgedSeq('u/b')).toBe(9)
  })

  it('tries for a while to seal the rest when it is closed', async () => {
    const store = new MemoryStore()
    const collector = await open(dir, store, undefined, { ...segments, closeWithinMs: 20_000 })
    await collector.accept(batch(chain(3)))
    store.fails = true
    const create = store.create.bind(store)
    store.create = (spec) => {
      const result = create(spec)
      store.fails = false
      return result
    }
    await collector.close()
    expect(store.lines('u/b')).toEqual(chain(3))
  })
})

describe('a Collector that lost its disk', () => {
  it('takes what follows an acknowledgement of what is not there any more', async () => {
    const store = new MemoryStore()
    const lines = chain(9)
    const first = await open(dir, store)
    await first.accept(batch(lines.slice(0, 3)))
    await first.close()
    const second = await open(join(dir, 'second'), store)
    await second.accept(batch(lines.slice(3, 6)))
    const third = await open(join(dir, 'third'), store)
    await expect(third.accept(batch(lines.slice(6)))).rejects.toMatchObject({ code: 'gap' })
    expect(await third.accept({ ...batch(lines.slice(6)), afterSeq: 6 })).toEqual({ acknowledgedSeq: 9 })
    await third.close()
    expect(verifyLines(store.lines('u/b'), chainStart)).toMatchObject({ ok: false, problem: 'gap', seq: 7 })
  })
})

/** Numbers from 0 to 1, the same ones every time. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
