import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import {
  chainStart,
  encodeRun,
  noSegment,
  sealRecord,
  sealSegment,
  segmentHash,
  segmentName,
  type SegmentSpec,
} from '@sallyport/crds'
import { invoke } from '../testing/invoke.ts'

let dir = ''
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cli-audit-'))
  mkdirSync(join(dir, 'segments'))
})
afterEach(() => rmSync(dir, { recursive: true }))

describe('audit verify of copied segments', () => {
  it('accepts an intact log, whose sources go from segment to segment and stream to stream', async () => {
    write(log())
    const { code, stdout, stderr } = await verify()
    expect(stderr).toBe('')
    expect(stdout).toBe('12 records of 2 sources in 4 segments of 2 streams: intact\n')
    expect(code).toBe(0)
  })

  it.each([
    {
      name: 'one byte of a body',
      change: (segments: SegmentSpec[]) => editBody(segments, 1, (body) => body.replace('event 3', 'event 9')),
      says: [
        'main-0000000002: edited: the body does not match bodySha256',
        'main-0000000002 record 3 of uid/one: edited',
      ],
    },
    {
      name: 'a byte of the base64 text',
      change: (segments: SegmentSpec[]) => replace(segments, 1, { body: flip(segments[1]!.body) }),
      says: ['main-0000000002: edited: the body cannot be unpacked'],
    },
    {
      name: 'a body that was sealed anew',
      change: (segments: SegmentSpec[]) => {
        const old = segments[1]!
        const body = unpack(old).replace('event 3', 'event 9')
        segments[1] = sealSegment(old.stream, old.seq, old.prevSegmentHash, body)
      },
      says: [
        'main-0000000003: broken-chain: it does not continue main-0000000002',
        'main-0000000002 record 3 of uid/one: edited',
      ],
    },
    {
      name: 'a count',
      change: (segments: SegmentSpec[]) => replace(segments, 0, { denied: 7 }),
      says: ['main-0000000001: edited: what the segment says of its body does not match'],
    },
    {
      name: 'a field nobody knows',
      change: (segments: SegmentSpec[]) => (segments[2] = { ...segments[2]!, ...{ extra: 1 } }),
      says: ['main-0000000003: edited: what the segment says of its body does not match'],
    },
    {
      name: 'a segment that is gone',
      change: (segments: SegmentSpec[]) => segments.splice(1, 1),
      says: [
        'main-0000000002: gap: missing before main-0000000003',
        'main-0000000003 record 5 of uid/one: gap: records are missing before this one (seq 3 to 4)',
      ],
    },
    {
      name: 'a first segment that is gone',
      change: (segments: SegmentSpec[]) => segments.splice(0, 1),
      says: ['main-0000000001: gap: missing before main-0000000002'],
    },
    {
      name: 'two segments that changed places',
      change: (segments: SegmentSpec[]) => {
        const [first, second] = [segments[0]!, segments[1]!]
        segments[0] = { ...second, seq: 1, prevSegmentHash: noSegment }
        segments[1] = { ...first, seq: 2, prevSegmentHash: segmentHash(segments[0]) }
      },
      says: ['main-0000000003: broken-chain: it does not continue main-0000000002'],
    },
  ])('exits 1 and names the place for $name', async ({ change, says }) => {
    const segments = log()
    change(segments)
    write(segments)
    const { code, stderr } = await verify()
    expect(code).toBe(1)
    for (const sentence of says) expect(stderr).toContain(sentence)
    for (const line of stderr.trimEnd().split('\n')) expect(line).toMatch(/^sallyport: audit-broken: /)
  })

  it('finds a segment under another name', async () => {
    write(log(), (name) => name.replace('0000000002', '0000000009'))
    const { code, stderr } = await verify()
    expect(code).toBe(1)
    expect(stderr).toContain('misnamed')
  })

  it('accepts records that were sent twice, byte for byte', async () => {
    const records = chain(4)
    const [first, second] = [run('uid/one', records.slice(0, 3)), run('uid/one', records.slice(1))]
    const one = sealSegment('main', 1, noSegment, first)
    write([one, sealSegment('main', 2, segmentHash(one), second)])
    expect((await verify()).stdout).toContain('4 records of 1 source')
  })

  it('finds a tail that was cut off, with an earlier report', async () => {
    const segments = log()
    write(segments)
    const { stdout } = await verify('-o', 'json')
    writeFileSync(join(dir, 'report.json'), stdout)
    rmSync(join(dir, 'segments/main-0000000003.yaml'))
    expect((await verify()).code).toBe(0)
    const { code, stderr } = await verify('--against', join(dir, 'report.json'))
    expect(code).toBe(1)
    expect(stderr).toContain('main-0000000003: missing-tail: the segment was there and is gone')
    expect(stderr).toContain('uid/one record 6: missing-tail: the record was there and is gone')
  })

  it('prints a report that names everything as JSON', async () => {
    const segments = log()
    replace(segments, 0, { count: 99 })
    write(segments)
    const { code, stdout } = await verify('-o', 'json')
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      segments: 4,
      records: 12,
      problems: [{ where: 'main-0000000001', problem: 'edited' }, { problem: 'broken-chain' }],
    })
  })

  it('reads a List and one file of many documents', async () => {
    const items = log().map(manifest)
    const list = join(dir, 'list.json')
    writeFileSync(list, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
    expect((await invoke('audit', 'verify', '--file', list)).code).toBe(0)
    const many = join(dir, 'many.yaml')
    writeFileSync(many, items.map((item) => stringify(item)).join('---\n'))
    expect((await invoke('audit', 'verify', '--file', many)).code).toBe(0)
  })

  it.each([
    { name: 'a folder without segments', prepare: () => undefined },
    { name: 'something else', prepare: () => writeFileSync(join(dir, 'segments/a.yaml'), 'kind: Pod\n') },
    { name: 'no YAML', prepare: () => writeFileSync(join(dir, 'segments/a.yaml'), 'a: [') },
  ])('exits 2 for $name', async ({ prepare }) => {
    prepare()
    const { code, stderr } = await verify()
    expect(code).toBe(2)
    expect(stderr).toMatch(/^sallyport: bad-file: /)
  })
})

describe('audit verify of an audit file', () => {
  it('accepts an intact file and tells of gaps it declares', async () => {
    writeFileSync(file(), `${chain(3, 'Gap').join('\n')}\n`)
    const { code, stdout } = await invoke('audit', 'verify', '--file', file())
    expect(code).toBe(0)
    expect(stdout).toBe(
      '3 records of 1 source: intact\n' +
        [1, 2, 3].map((seq) => `declared gap at audit.jsonl seq ${seq}: event ${seq}\n`).join(''),
    )
  })

  it('does not call an empty file intact', async () => {
    writeFileSync(file(), '')
    const { code, stderr } = await invoke('audit', 'verify', '--file', file())
    expect(code).toBe(2)
    expect(stderr).toMatch(/^sallyport: nothing-to-verify: /)
  })

  it.each([
    {
      name: 'an edited record',
      text: (lines: string[]) => lines.join('\n').replace('event 2', 'event 9') + '\n',
      says: 'audit.jsonl record 2: edited: line 2: ',
    },
    {
      name: 'a record cut in the middle',
      text: (lines: string[]) => [lines[0], lines[1]!.slice(0, 50), lines[2]].join('\n') + '\n',
      says: 'audit.jsonl: not-json: line 2: ',
    },
    {
      name: 'a removed first record',
      text: (lines: string[]) => lines.slice(1).join('\n') + '\n',
      says: 'audit.jsonl record 2: gap: ',
    },
    { name: 'a torn last line', text: (lines: string[]) => lines.join('\n').slice(0, -5), says: 'audit.jsonl: torn: ' },
  ])('exits 1 and names the line for $name', async ({ text, says }) => {
    writeFileSync(file(), text(chain(3)))
    const { code, stderr } = await invoke('audit', 'verify', '--file', file())
    expect(code).toBe(1)
    expect(stderr).toContain(says)
  })
})

describe('audit tail', () => {
  it('shows the last records of a file', async () => {
    writeFileSync(file(), `${chain(30).join('\n')}\n`)
    const { code, stdout } = await invoke('audit', 'tail', '--file', file(), '-l', '2')
    expect(code).toBe(0)
    expect(stdout).toBe(
      '1970-01-01T00:00:29.000Z Test              reason="event 29"\n1970-01-01T00:00:30.000Z Test              reason="event 30"\n',
    )
  })

  it('shows records of segments as they were written with -o json', async () => {
    write(log())
    const { stdout } = await invoke('audit', 'tail', '--dir', join(dir, 'segments'), '-l', '1', '-o', 'json')
    expect(stdout.trimEnd()).toBe(chain(6)[5])
  })

  it('goes on with what is written', async () => {
    const lines = chain(3)
    writeFileSync(file(), `${lines[0]}\n`)
    const stop = new AbortController()
    const seen: string[] = []
    const tail = invoke.with({
      signal: stop.signal,
      onStdout: (text) => {
        seen.push(text)
        if (seen.length === 1) appendFileSync(file(), `${lines[1]}\n${lines[2]!.slice(0, 30)}`)
        if (seen.length === 2) appendFileSync(file(), `${lines[2]!.slice(30)}\n`)
        if (seen.length === 3) stop.abort()
      },
    })('audit', 'tail', '--file', file(), '-f', '-o', 'json')
    expect((await tail).code).toBe(0)
    expect(seen).toEqual(lines.map((line) => `${line}\n`))
  })

  it('prints nothing of a statement that could drive the terminal', async () => {
    const statement = {
      kind: 'Statement',
      phase: 'Intent',
      decision: 'Deny',
      reason: 'schema-change',
      statement: { text: 'DROP\n\u001b[2J TABLE x' },
    }
    writeFileSync(file(), `${sealRecord(chainStart.hash, 1, 0, statement).line}\n`)
    const { stdout } = await invoke('audit', 'tail', '--file', file())
    expect(stdout).toBe('1970-01-01T00:00:00.000Z Statement/Intent  Deny  reason=schema-change DROP ?[2J TABLE x\n')
  })
})

function verify(...flags: string[]): ReturnType<typeof invoke> {
  return invoke('audit', 'verify', '--dir', join(dir, 'segments'), ...flags)
}

function file(): string {
  return join(dir, 'audit.jsonl')
}

/** Three segments of the stream `main` and one of `other`, with six records of each of two sources. */
function log(): SegmentSpec[] {
  const [one, two] = [chain(6), chain(6)]
  const bodies = [0, 2, 4].map(
    (from) => run('uid/one', one.slice(from, from + 2)) + (from < 4 ? run('uid/two', two.slice(from, from + 2)) : ''),
  )
  const segments: SegmentSpec[] = []
  for (const [index, body] of bodies.entries()) {
    const before = segments.at(-1)
    segments.push(sealSegment('main', index + 1, before ? segmentHash(before) : noSegment, body))
  }
  return [...segments, sealSegment('other', 1, noSegment, run('uid/two', two.slice(4)))]
}

function chain(count: number, kind = 'Test'): string[] {
  const lines: string[] = []
  let { hash } = chainStart
  for (let seq = 1; seq <= count; seq++) {
    const sealed = sealRecord(hash, seq, seq * 1000, event(kind, `event ${seq}`))
    lines.push(sealed.line)
    hash = sealed.hash
  }
  return lines
}

function event(kind: string, reason: string): { readonly kind: string; readonly reason: string } {
  return { kind, reason }
}

function run(source: string, lines: readonly string[]): string {
  return encodeRun({ source, namespace: 'agents', pod: 'report-1', lines })
}

function write(segments: readonly SegmentSpec[], rename = (name: string) => name): void {
  for (const spec of segments) {
    const name = segmentName(spec.stream, spec.seq)
    writeFileSync(join(dir, 'segments', `${name}.yaml`), stringify(manifest(spec, rename(name))))
  }
}

function manifest(spec: SegmentSpec, name: unknown): unknown {
  return {
    apiVersion: 'sallyport.dev/v1alpha1',
    kind: 'AuditSegment',
    metadata: { name: typeof name === 'string' ? name : segmentName(spec.stream, spec.seq) },
    spec,
  }
}

function replace(segments: SegmentSpec[], index: number, fields: Partial<SegmentSpec>): void {
  segments[index] = { ...segments[index]!, ...fields }
}

function editBody(segments: SegmentSpec[], index: number, edit: (body: string) => string): void {
  const spec = segments[index]!
  segments[index] = { ...spec, body: gzipSync(edit(unpack(spec))).toString('base64') }
}

function unpack(spec: SegmentSpec): string {
  return gunzipSync(Buffer.from(spec.body, 'base64')).toString('utf8')
}

function flip(base64: string): string {
  const at = Math.floor(base64.length / 2)
  return base64.slice(0, at) + (base64[at] === 'A' ? 'B' : 'A') + base64.slice(at + 1)
}
