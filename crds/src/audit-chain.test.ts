import { describe, expect, it } from 'vitest'
import {
  chainStart,
  ChainSealer,
  eventFields,
  parseRecord,
  sealRecord,
  verifyLines,
  type ChainPosition,
} from './audit-chain.ts'

// Made with `sha256sum`, as the comment of audit-chain.ts shows; a change of these bytes breaks every log there is.
const golden = [
  {
    name: 'the first record',
    prev: chainStart.hash,
    seq: 1,
    timeMs: 1767323045678,
    event: { kind: 'Gap', reason: 'made for the test' },
    line: '{"seq":1,"time":"2026-01-02T03:04:05.678Z","kind":"Gap","reason":"made for the test","prev":"0000000000000000000000000000000000000000000000000000000000000000","hash":"ddfbf52c2caf850f118799bea61d4aed589b11fe5c480f3982e3418f3d257fc8"}',
  },
  {
    name: 'a record with every kind of awkward text',
    prev: 'ddfbf52c2caf850f118799bea61d4aed589b11fe5c480f3982e3418f3d257fc8',
    seq: 2,
    timeMs: 1767323046000,
    event: { kind: 'Gap', reason: '"é\n\u2028 𝄞 \ud800', nested: { b: [1, null, true], a: {} } },
    line: '{"seq":2,"time":"2026-01-02T03:04:06.000Z","kind":"Gap","reason":"\\"é\\n\u2028 𝄞 \\ud800","nested":{"b":[1,null,true],"a":{}},"prev":"ddfbf52c2caf850f118799bea61d4aed589b11fe5c480f3982e3418f3d257fc8","hash":"226b40c21fc5a61a724fe5cae25b17fe7639241cf592faa92c87e2103be50517"}',
  },
]

describe('sealRecord', () => {
  it.each(golden)('writes the golden bytes of $name', ({ prev, seq, timeMs, event, line }) => {
    expect(sealRecord(prev, seq, timeMs, event).line).toBe(line)
  })

  it('returns the hash that the next record carries as prev', () => {
    const first = sealRecord(chainStart.hash, 1, 0, { kind: 'Gap' })
    const second = sealRecord(first.hash, 2, 0, { kind: 'Gap' })
    expect(parseRecord(second.line)?.prev).toBe(first.hash)
  })
})

describe('ChainSealer', () => {
  it('writes the golden bytes, one record after the other', () => {
    const sealer = new ChainSealer(chainStart)
    for (const { timeMs, event, line, seq } of golden) {
      expect(sealer.seal(timeMs, eventFields(event)).toString()).toBe(`${line}\n`)
      expect(sealer.position.seq).toBe(seq)
    }
  })

  it('seals events that are larger than what it keeps room for', () => {
    const event = { kind: 'Gap', reason: 'é'.repeat(100_000) }
    const line = new ChainSealer(chainStart).seal(0, eventFields(event)).toString()
    expect(line).toBe(`${sealRecord(chainStart.hash, 1, 0, event).line}\n`)
  })

  it('goes on from where it was rewound to', () => {
    const sealer = new ChainSealer(chainStart)
    const first = sealer.seal(0, '"kind":"Gap","reason":"kept"').toString()
    const { position } = sealer
    sealer.seal(0, '"kind":"Gap","reason":"given up"')
    sealer.rewind(position)
    const second = sealer.seal(0, '"kind":"Gap","reason":"in its place"').toString()
    expect(
      verifyLines(
        [first, second].map((line) => line.slice(0, -1)),
        chainStart,
      ),
    ).toMatchObject({ ok: true })
  })
})

describe('verifyLines', () => {
  const lines = chain(6)

  it('accepts an untouched chain and says where it stands', () => {
    const last = parseRecord(lines[5]!)!
    expect(verifyLines(lines, chainStart)).toMatchObject({
      ok: true,
      first: { seq: 1 },
      last: { seq: 6, hash: last.hash },
    })
  })

  it('accepts a run from the middle when nothing is expected of its beginning', () => {
    expect(verifyLines(lines.slice(3))).toMatchObject({ ok: true, first: { seq: 4 }, last: { seq: 6 } })
  })

  it('accepts no lines at all', () => {
    expect(verifyLines([], chainStart)).toEqual({ ok: true, first: null, last: null })
  })

  it('names the record in which any one byte was changed', () => {
    const line = lines[2]!
    for (let at = 0; at < line.length; at++) {
      const changed = line.slice(0, at) + (line[at] === 'x' ? 'y' : 'x') + line.slice(at + 1)
      const result = verifyLines(lines.with(2, changed), chainStart)
      expect(result.ok, `byte ${at}`).toBe(false)
      expect(!result.ok && result.index, `byte ${at}`).toBe(2)
    }
  })

  it.each([
    {
      name: 'a changed value',
      lines: lines.with(3, lines[3]!.replace('event 4', 'event 9')),
      index: 3,
      problem: 'edited',
    },
    {
      name: 'an added blank',
      lines: lines.with(3, lines[3]!.replace('"kind":', '"kind": ')),
      index: 3,
      problem: 'edited',
    },
    { name: 'a removed record', lines: lines.toSpliced(2, 2), index: 2, problem: 'gap' },
    { name: 'a removed first record', lines: lines.slice(1), index: 0, problem: 'gap' },
    { name: 'two records swapped', lines: lines.with(2, lines[3]!).with(3, lines[2]!), index: 2, problem: 'reordered' },
    { name: 'an old record put in again', lines: lines.toSpliced(5, 0, lines[1]!), index: 5, problem: 'reordered' },
    { name: 'a record twice', lines: lines.toSpliced(3, 0, lines[2]!), index: 3, problem: 'duplicate' },
    {
      name: 'a record replaced by a sealed one',
      lines: lines.with(2, forged(lines[1]!)),
      index: 3,
      problem: 'broken-chain',
    },
    { name: 'half a line', lines: lines.with(5, lines[5]!.slice(0, 40)), index: 5, problem: 'not-json' },
    { name: 'an empty line', lines: lines.with(1, ''), index: 1, problem: 'not-json' },
    { name: 'other JSON', lines: lines.with(1, '{"seq":2}'), index: 1, problem: 'malformed' },
    {
      name: 'keys after the hash',
      lines: lines.with(1, lines[1]!.replace(/}$/, ',"x":1}')),
      index: 1,
      problem: 'malformed',
    },
  ])('finds $name', ({ lines: tampered, index, problem }) => {
    expect(verifyLines(tampered, chainStart)).toMatchObject({ ok: false, index, problem })
  })

  it('says which records a gap swallowed', () => {
    expect(verifyLines(lines.toSpliced(1, 3), chainStart)).toMatchObject({
      message: 'records are missing before this one (seq 2 to 4)',
    })
  })
})

function chain(count: number, from: ChainPosition = chainStart): string[] {
  const lines: string[] = []
  let { hash } = from
  for (let seq = from.seq + 1; seq <= from.seq + count; seq++) {
    const sealed = sealRecord(hash, seq, seq * 1000, gap(`event ${seq}`))
    lines.push(sealed.line)
    hash = sealed.hash
  }
  return lines
}

function forged(before: string): string {
  const record = parseRecord(before)!
  return sealRecord(record.hash, record.seq + 1, 0, gap('forged')).line
}

function gap(reason: string): { readonly kind: string; readonly reason: string } {
  return { kind: 'Gap', reason }
}
