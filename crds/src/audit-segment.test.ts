import { describe, expect, it } from 'vitest'
import { chainStart, sealRecord, verifyLines } from './audit-chain.ts'
import { encodeRun, noSegment, openSegment, parseRun, sealSegment, segmentHash, segmentName } from './audit-segment.ts'

function records(count: number): string[] {
  const lines: string[] = []
  let prev = chainStart.hash
  for (let seq = 1; seq <= count; seq += 1) {
    const event = { kind: 'Statement', phase: 'Intent', decision: seq % 2 === 0 ? 'Deny' : 'Allow' }
    const record = sealRecord(prev, seq, 1_700_000_000_000 + seq, event)
    lines.push(record.line)
    prev = record.hash
  }
  return lines
}

describe('an audit segment', () => {
  const lines = records(5)
  const run = { source: 'uid/boot', namespace: 'agents', pod: 'p', lines }
  const spec = sealSegment('s', 1, noSegment, encodeRun(run))

  it('gives back the bytes that were sealed', () => {
    const opened = openSegment(spec)
    expect(opened).toEqual({ ok: true, runs: [run] })
    expect(verifyLines(lines, chainStart).ok).toBe(true)
  })

  it('says what it holds', () => {
    expect(spec).toMatchObject({ count: 5, allowed: 3, denied: 2, firstTime: '2023-11-14T22:13:20.001Z' })
    expect(spec.sources).toMatchObject([{ source: 'uid/boot', fromSeq: 1, toSeq: 5, prevHash: noSegment }])
  })

  it('refuses a body of which one byte was changed', () => {
    const other = sealSegment('s', 1, noSegment, encodeRun({ ...run, pod: 'q' }))
    expect(openSegment({ ...spec, body: other.body })).toMatchObject({ ok: false })
    expect(openSegment({ ...spec, body: spec.body.slice(0, 40) })).toMatchObject({ ok: false })
  })

  it('has a hash over everything but the packed body', () => {
    expect(segmentHash(spec)).toBe(segmentHash({ ...spec, body: '' }))
    expect(segmentHash(spec)).not.toBe(segmentHash({ ...spec, denied: 0 }))
  })

  it('is named so that names sort as segments do', () => {
    expect(segmentName('s', 7)).toBe('s-0000000007')
  })

  it.each(['', '{', '{"source":1}', '{"source":"a","namespace":"b","pod":"c","lines":[1]}'])(
    'takes %j for no run',
    (line) => {
      expect(parseRun(line)).toBeNull()
    },
  )
})
