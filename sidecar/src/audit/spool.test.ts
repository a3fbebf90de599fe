import { execFile, spawn, spawnSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pino } from 'pino'
import { chainStart, parseRecord, verifyLines } from '@sallyport/crds'
import { AuditError, type AuditEvent } from '../model/audit-event.ts'
import { systemIo, type RecordIo } from './record-file.ts'
import { openSpool, type Spool, type SpoolOptions } from './spool.ts'
import { readSpoolLines } from './testing/read-lines.ts'

const log = pino({ enabled: false })
const clock = { now: () => 1767323045678, monotonic: () => performance.now() }
const here = import.meta.dirname

let dir = ''
const opened: Spool[] = []

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'spool-'))
})
afterEach(async () => {
  await Promise.allSettled(opened.splice(0).map((spool) => spool.close()))
  rmSync(dir, { recursive: true })
})

describe('append', () => {
  it('has the record in the file when it returns', () => {
    const spool = open()
    const seq = spool.append(event('first'))
    expect(seq).toBe(1)
    expect(readSpoolLines(dir).map((line) => parseRecord(line)?.fields.reason)).toEqual(['first'])
  })

  it('chains records across files, none of them larger than a quarter of the spool', () => {
    const spool = open({ maxBytes: 40_000 })
    for (let seq = 1; seq <= 30; seq++) spool.append(event('x'.repeat(1000)))
    const names = readdirSync(dir)
    expect(names.length).toBeGreaterThan(2)
    expect(names[0]).toBe('boot-1-00000001.jsonl')
    for (const name of names) expect(readFileSync(join(dir, name)).length).toBeLessThanOrEqual(10_000)
    expect(verifyLines(readSpoolLines(dir), chainStart)).toMatchObject({ ok: true, last: { seq: 30 } })
  })

  it('refuses when the spool is full, loses nothing and writes again when the collector made room', () => {
    const spool = open({ maxBytes: 20_000 })
    const appended = appendUntilRefused(spool)
    expect(spool.stats().usedBytes).toBeLessThanOrEqual(20_000)
    expect(readSpoolLines(dir)).toHaveLength(appended)
    acknowledgeAll(spool)
    expect(spool.append(event('again'))).toBe(appended + 1)
    expect(verifyLines(readSpoolLines(dir))).toMatchObject({ ok: true, last: { seq: appended + 1 } })
  })

  it('refuses a boot id that was used before', async () => {
    const spool = open()
    spool.append(event('one'))
    await spool.close()
    expect(() => open()).toThrow(AuditError)
  })

  it('refuses when the directory cannot be used', () => {
    writeFileSync(join(dir, 'file'), '')
    expect(() => open({ dir: join(dir, 'file') })).toThrow(AuditError)
  })

  it('leaves no part of a record that was written in part', () => {
    let isShort = false
    const spool = open({
      io: {
        ...systemIo,
        write: (fd, bytes, position) => systemIo.write(fd, isShort ? bytes.subarray(0, 10) : bytes, position),
      },
    })
    spool.append(event('one'))
    isShort = true
    expect(() => spool.append(event('two'))).toThrow(AuditError)
    isShort = false
    expect(spool.append(event('2'))).toBe(2)
    expect(verifyLines(readSpoolLines(dir), chainStart)).toMatchObject({ ok: true, last: { seq: 2 } })
  })
})

describe('appendLater', () => {
  const reasons = (): readonly unknown[] => readSpoolLines(dir).map((line) => parseRecord(line)?.fields.reason)

  it('writes with the next record, in one write and in the order they were said', () => {
    let writes = 0
    const io: RecordIo = { ...systemIo, write: (...args) => ((writes += 1), systemIo.write(...args)) }
    const spool = open({ io })
    spool.appendLater(event('one'))
    spool.appendLater(event('two'))
    expect(reasons()).toEqual([])
    expect(spool.append(event('three'))).toBe(3)
    expect(reasons()).toEqual(['one', 'two', 'three'])
    expect(writes).toBe(1)
    expect(verifyLines(readSpoolLines(dir), chainStart)).toMatchObject({ ok: true, last: { seq: 3 } })
  })

  it('writes by itself when nothing else comes, and tells who ships', async () => {
    const spool = open()
    const announced = new Promise<void>((resolve) => spool.subscribe(resolve))
    spool.appendLater(event('one'))
    await announced
    expect(reasons()).toEqual(['one'])
    expect(spool.stats().writtenSeq).toBe(1)
  })

  it('keeps what a disk does not take, refuses what may not wait, and writes all of it later', async () => {
    let isFull = true
    const io: RecordIo = { ...systemIo, write: (...args) => (isFull ? 0 : systemIo.write(...args)) }
    const spool = open({ io })
    spool.appendLater(event('one'))
    expect(() => spool.append(event('refused'))).toThrow(AuditError)
    spool.appendLater(event('two'))
    isFull = false
    await spool.flush()
    expect(reasons()).toEqual(['one', 'two'])
    expect(verifyLines(readSpoolLines(dir), chainStart)).toMatchObject({ ok: true, last: { seq: 2 } })
  })

  it('keeps no more than a mebibyte of what no disk takes', () => {
    const spool = open({ io: { ...systemIo, write: () => 0 } })
    const large = event('x'.repeat(200_000))
    for (let count = 0; count < 6; count += 1) spool.appendLater(large)
    expect(() => spool.appendLater(large)).toThrow('too many audit records wait')
  })

  it('is flushed by close', async () => {
    const spool = open()
    spool.appendLater(event('one'))
    await spool.close()
    expect(reasons()).toEqual(['one'])
  })
})

describe('settled', () => {
  it('resolves for Disk only after an fsync that began after the record was written', async () => {
    const synced: number[] = []
    const spool = open({
      io: {
        ...systemIo,
        sync: async (fd) => {
          const count = readSpoolLines(dir).length
          await systemIo.sync(fd)
          synced.push(count)
        },
      },
    })
    const first = spool.settled(spool.append(event('one')), 'Disk')
    const second = spool.settled(spool.append(event('two')), 'Disk')
    await first
    await second
    expect(synced.at(-1)).toBe(2)
    expect(spool.stats().syncedSeq).toBe(2)
  })

  it('syncs within 100 ms when nobody waits', async () => {
    const { promise, resolve } = Promise.withResolvers<number>()
    const spool = open({
      io: {
        ...systemIo,
        sync: (fd) => {
          resolve(performance.now())
          return systemIo.sync(fd)
        },
      },
    })
    const writtenMs = performance.now()
    spool.append(event('one'))
    expect((await promise) - writtenMs).toBeLessThan(100)
  })

  it('rejects when the disk fails, refuses records meanwhile and recovers with every record on disk', async () => {
    let isBroken = true
    const spool = open({
      io: { ...systemIo, sync: (fd) => (isBroken ? Promise.reject(new AuditError('EIO')) : systemIo.sync(fd)) },
    })
    const seq = spool.append(event('one'))
    await expect(spool.settled(seq, 'Disk')).rejects.toThrow(AuditError)
    expect(() => spool.append(event('two'))).toThrow(AuditError)
    isBroken = false
    await spool.settled(seq, 'Disk')
    expect(spool.append(event('two'))).toBe(2)
    expect(verifyLines(readSpoolLines(dir), chainStart)).toMatchObject({ ok: true, last: { seq: 2 } })
  })

  it('resolves for Collector when the record is acknowledged', async () => {
    const spool = open()
    const seq = spool.append(event('one'))
    const settled = spool.settled(seq, 'Collector')
    expect(spool.isUrgent).toBe(true)
    acknowledgeAll(spool)
    await settled
    expect(spool.isUrgent).toBe(false)
    await spool.settled(seq, 'Collector')
  })

  it('rejects for Collector when no acknowledgement comes in time', async () => {
    const spool = open({ collectorTimeoutMs: 10 })
    await expect(spool.settled(spool.append(event('one')), 'Collector')).rejects.toThrow(AuditError)
  })
})

describe('pending and acknowledge', () => {
  it('gives batches of at most 500 records, the same until it is acknowledged', () => {
    const spool = open()
    for (let seq = 1; seq <= 1200; seq++) spool.append(event(`event ${seq}`))
    expect(spool.pending()?.lines).toHaveLength(500)
    expect(spool.pending()?.lastSeq).toBe(500)
    spool.acknowledge('pod-uid/boot-1', 100)
    expect(spool.pending()).toMatchObject({ lastSeq: 500 })
    expect(parseRecord(spool.pending()!.lines[0]!)?.seq).toBe(101)
    spool.acknowledge('pod-uid/boot-1', 900)
    expect(parseRecord(spool.pending()!.lines[0]!)?.seq).toBe(901)
    spool.acknowledge('pod-uid/boot-1', 5000)
    expect(spool.pending()).toBeNull()
    expect(spool.stats().acknowledgedSeq).toBe(1200)
  })

  it('gives a record that is larger than a batch by itself', () => {
    const spool = open({ maxBytes: 64 << 20 })
    spool.append(event('x'.repeat(3 << 20)))
    spool.append(event('y'))
    expect(spool.pending()?.lines).toHaveLength(1)
    spool.acknowledge('pod-uid/boot-1', 1)
    expect(spool.pending()?.lines).toHaveLength(1)
  })

  it('reads on where the collector has taken it, while what it has acknowledged is deleted behind', () => {
    const spool = open({ maxBytes: 40_000 })
    for (let seq = 1; seq <= 30; seq++) spool.append(event('x'.repeat(1000)))
    const { length } = readdirSync(dir)
    expect(length).toBeGreaterThan(3)
    const taken: number[] = []
    for (let batch = spool.pending(); batch; batch = spool.pending()) {
      taken.push(...batch.lines.map((line) => parseRecord(line)?.seq ?? 0))
      spool.accept(batch.source, batch.lastSeq)
      // One file behind what is taken.
      spool.acknowledge(batch.source, batch.lastSeq - 10)
    }
    expect(taken).toEqual(Array.from({ length: 30 }, (_, index) => index + 1))
    expect(spool.stats().acknowledgedSeq).toBe(20)
    expect(readdirSync(dir).length).toBeLessThan(length)
    spool.accept('pod-uid/boot-1', 20)
    expect(spool.pending()).toMatchObject({ afterSeq: 20 })
    expect(parseRecord(spool.pending()!.lines[0]!)?.seq).toBe(21)
    expect(spool.isAcknowledged).toBe(false)
    spool.acknowledge('pod-uid/boot-1', 30)
    expect(spool.isAcknowledged).toBe(true)
  })

  it('deletes files whose records are all acknowledged', () => {
    const spool = open({ maxBytes: 40_000 })
    for (let seq = 1; seq <= 30; seq++) spool.append(event('x'.repeat(1000)))
    acknowledgeAll(spool)
    expect(readdirSync(dir)).toHaveLength(1)
  })

  it('leaves nothing behind when everything was acknowledged before close', async () => {
    const spool = open()
    spool.append(event('one'))
    acknowledgeAll(spool)
    await spool.close()
    expect(readdirSync(dir)).toEqual([])
  })
})

describe('leftovers of an earlier boot', () => {
  it('are shipped first, under their own source', async () => {
    const earlier = open()
    for (let seq = 1; seq <= 3; seq++) earlier.append(event(`earlier ${seq}`))
    await earlier.close()
    const spool = open({ source: 'pod-uid/boot-2' })
    spool.append(event('now'))
    expect(spool.pending()).toMatchObject({ source: 'pod-uid/boot-1', lastSeq: 3 })
    spool.acknowledge('pod-uid/boot-1', 3)
    expect(spool.pending()).toMatchObject({ source: 'pod-uid/boot-2', lastSeq: 1 })
    expect(readdirSync(dir)).toEqual(['boot-2-00000001.jsonl'])
    expect(spool.stats().leftoverSources).toBe(0)
  })

  it('do not hold up newer records when the collector refuses them', async () => {
    const earlier = open()
    earlier.append(event('earlier'))
    await earlier.close()
    const spool = open({ source: 'pod-uid/boot-2' })
    spool.append(event('now'))
    spool.defer('pod-uid/boot-1')
    expect(spool.pending()).toMatchObject({ source: 'pod-uid/boot-2' })
  })

  it('lose a torn last line, whose append never returned', async () => {
    const earlier = open()
    earlier.append(event('whole'))
    await earlier.close()
    appendFileSync(join(dir, 'boot-1-00000001.jsonl'), '{"seq":2,"time":"2026')
    const spool = open({ source: 'pod-uid/boot-2' })
    expect(spool.pending()?.lines).toHaveLength(1)
    expect(verifyLines(readSpoolLines(dir), chainStart).ok).toBe(true)
  })

  it('are set aside and declared as a gap when they do not verify', async () => {
    const earlier = open()
    earlier.append(event('whole'))
    await earlier.close()
    const path = join(dir, 'boot-1-00000001.jsonl')
    writeFileSync(path, readFileSync(path, 'utf8').replace('whole', 'WHOLE'))
    const spool = open({ source: 'pod-uid/boot-2' })
    spool.append(event('now'))
    expect(spool.pending()?.lines.map((line) => parseRecord(line)?.fields.reason)).toEqual([
      'records of boot boot-1 cannot be read; the file was set aside as boot-1-00000001.jsonl.corrupt',
      'now',
    ])
    expect(readdirSync(dir)).toContain('boot-1-00000001.jsonl.corrupt')
  })
})

describe('a process that is killed', () => {
  it('has every record in its files whose append returned, 20 times at a random moment', async () => {
    for (let round = 1; round <= 20; round++) {
      const bootId = `round-${round}`
      const returned = await appendUntilKilled(['Spool', dir, bootId], Math.floor(Math.random() * 1500))
      const spool = open({ source: 'pod-uid/next' })
      expect(spool.pending()?.source).toBe(`pod-uid/${bootId}`)
      const result = verifyLines(readSpoolLines(dir), chainStart)
      expect(result.ok && result.last?.seq, bootId).toBeGreaterThanOrEqual(returned)
      await opened.pop()?.close()
      for (const name of readdirSync(dir)) rmSync(join(dir, name))
    }
  }, 60_000)
})

describe('a disk that is full', () => {
  const hasNamespaces = spawnSync('unshare', ['--map-root-user', '--mount', 'true']).status === 0

  it.runIf(hasNamespaces)('refuses with ENOSPC, loses nothing and writes again when there is space', async () => {
    const script = [
      `mount -t tmpfs -o size=512k tmpfs ${dir}`,
      `mkdir ${dir}/spool`,
      `head -c 65536 /dev/zero > ${dir}/ballast`,
      `${process.execPath} ${here}/testing/fill-disk.ts ${dir}/spool ${dir}/ballast`,
      `printf '\\n'`,
      `cat ${dir}/spool/*`,
    ].join(' && ')
    const { stdout } = await run('unshare', ['--map-root-user', '--mount', 'sh', '-c', script], { maxBuffer: 4 << 20 })
    const [report = '', ...lines] = stdout.split('\n')
    const { appended, refusal, afterwards } = parseReport(report)
    expect(refusal).toMatch(/^AuditError: /)
    expect(appended).toBeGreaterThan(50)
    expect(afterwards).toBe(appended + 1)
    expect(verifyLines(lines.slice(0, -1), chainStart)).toMatchObject({ ok: true, last: { seq: afterwards } })
  })

  it('refuses a record of which the system takes a part only (EFBIG at a file size limit)', async () => {
    const script = `ulimit -f 128; exec ${process.execPath} ${here}/testing/fill-disk.ts ${dir} ${dir}/none`
    const { stdout } = await run('sh', ['-c', script])
    const { appended, refusal, afterwards } = parseReport(stdout)
    expect(refusal).toMatch(/^AuditError: /)
    const last = typeof afterwards === 'number' ? afterwards : appended
    expect(readSpoolLines(dir)).toHaveLength(last)
    expect(verifyLines(readSpoolLines(dir), chainStart)).toMatchObject({ ok: true, last: { seq: last } })
  })
})

interface Report {
  readonly appended: number
  readonly refusal: string
  readonly afterwards: number | string
}

function parseReport(text: string): Report {
  return JSON.parse(text) as Report
}

const run = promisify(execFile)

function open(options: Partial<SpoolOptions> = {}): Spool {
  const spool = openSpool({ dir, source: 'pod-uid/boot-1', maxBytes: 16 << 20, clock, log, ...options })
  opened.push(spool)
  return spool
}

function event(reason: string): AuditEvent {
  return { kind: 'Gap', reason }
}

function appendUntilRefused(spool: Spool): number {
  for (let seq = 0; ;) {
    try {
      seq = spool.append(event('x'.repeat(500)))
    } catch (cause) {
      expect(cause).toBeInstanceOf(AuditError)
      return seq
    }
  }
}

function acknowledgeAll(spool: Spool): void {
  for (let batch = spool.pending(); batch; batch = spool.pending()) spool.acknowledge(batch.source, batch.lastSeq)
}

/** Kills the writer after it has reported `records` records or more. @returns the last `seq` it reported. */
function appendUntilKilled(args: readonly string[], records: number): Promise<number> {
  const child = spawn(process.execPath, [join(here, 'testing/append-until-killed.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    if (text.split('\n').length > records) child.kill('SIGKILL')
  })
  return new Promise((resolve) => {
    child.on('close', () => resolve(Number(text.split('\n').slice(0, -1).at(-1))))
  })
}
