import { spawn } from 'node:child_process'
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pino } from 'pino'
import { chainStart, parseRecord, verifyLines } from '@sallyport/crds'
import { AuditError, type AuditEvent } from '../model/audit-event.ts'
import { openAuditFile, type AuditFile } from './audit-file.ts'

const log = pino({ enabled: false })
const clock = { now: () => 1767323045678, monotonic: () => performance.now() }

let dir = ''
let path = ''
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'audit-'))
  path = join(dir, 'audit.jsonl')
})
afterEach(() => rmSync(dir, { recursive: true }))

describe('openAuditFile', () => {
  it('writes one line a record and has it in the file when append returns', async () => {
    const audit = open()
    expect(audit.append(event('one'))).toBe(1)
    expect(readLines()).toHaveLength(1)
    await audit.close()
  })

  it('continues the chain of a file that is there', async () => {
    for (const reason of ['one', 'x'.repeat(200_000), 'three']) {
      const audit = open()
      audit.append(event(reason))
      await audit.settled(1)
      await audit.close()
    }
    expect(verifyLines(readLines(), chainStart)).toMatchObject({ ok: true, last: { seq: 3 } })
  })

  it('sets a torn last line aside and declares it', async () => {
    const first = open()
    first.append(event('one'))
    await first.close()
    appendFileSync(path, '{"seq":2,"ti')
    const second = open()
    expect(second.append(event('two'))).toBe(3)
    await second.close()
    expect(readLines().map((line) => parseRecord(line)?.fields.reason)).toEqual([
      'one',
      'a torn record of 12 bytes was set aside in audit.jsonl.torn',
      'two',
    ])
    expect(readFileSync(`${path}.torn`, 'utf8')).toBe('{"seq":2,"ti\n')
    expect(verifyLines(readLines(), chainStart).ok).toBe(true)
  })

  it('begins a chain after a torn first line', async () => {
    writeFileSync(path, '{"seq":1')
    const audit = open()
    await audit.close()
    expect(verifyLines(readLines(), chainStart)).toMatchObject({ ok: true, last: { seq: 1 } })
  })

  it.each([
    { name: 'holds something else', content: 'hello\n' },
    {
      name: 'ends in an edited record',
      content: '{"seq":1,"time":"2026-01-02T03:04:05.678Z","prev":"00","hash":"00"}\n',
    },
  ])('refuses a file that $name, and leaves it alone', ({ content }) => {
    writeFileSync(path, content)
    expect(() => open()).toThrow(AuditError)
    expect(readFileSync(path, 'utf8')).toBe(content)
    expect(existsSync(`${path}.torn`)).toBe(false)
  })

  it('refuses a path that is no regular file', () => {
    expect(() => openAuditFile({ path: '/dev/full', clock, log })).toThrow(AuditError)
    expect(() => openAuditFile({ path: dir, clock, log })).toThrow(AuditError)
    expect(() => openAuditFile({ path: join(dir, 'no/such/folder'), clock, log })).toThrow(AuditError)
  })

  it('keeps every record whose append returned through ten kills, in one chain', async () => {
    let known = 0
    for (let round = 1; round <= 10; round++) {
      known = await appendUntilKilled(Math.floor(Math.random() * 1000))
      const lines = readLines()
      expect(verifyLines(lines, chainStart).ok).toBe(true)
      expect(lines.length).toBeGreaterThanOrEqual(known)
    }
    expect(known).toBeGreaterThan(0)
  }, 60_000)
})

function open(): AuditFile {
  return openAuditFile({ path, clock, log })
}

function event(reason: string): AuditEvent {
  return { kind: 'Gap', reason }
}

function readLines(): string[] {
  return readFileSync(path, 'utf8').split('\n').slice(0, -1)
}

function appendUntilKilled(records: number): Promise<number> {
  const script = join(import.meta.dirname, 'testing/append-until-killed.ts')
  const child = spawn(process.execPath, [script, 'File', path], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    if (text.split('\n').length > records) child.kill('SIGKILL')
  })
  return new Promise((resolve) => {
    child.on('close', () => resolve(Number(text.split('\n').slice(0, -1).at(-1))))
  })
}
