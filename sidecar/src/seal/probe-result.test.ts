import { describe, expect, it } from 'vitest'
import { parseProbeResult } from './probe-result.ts'
import { SealError } from './seal-error.ts'

const entry = { database: 'agents/db', outcome: 'Redirected', detail: '10.0.0.1 port 5432 leads to the sidecar' }
const result = { revision: 7, unixMs: 1_764_000_000_000, results: [entry] }
const parse = (value: unknown): unknown => parseProbeResult(JSON.stringify(value))

describe('the result of the probe', () => {
  it('is read field by field, and nothing else of it', () => {
    expect(parse({ ...result, more: 1, results: [{ ...entry, more: 1 }] })).toEqual(result)
    expect(parse({ ...result, results: [] })).toEqual({ ...result, results: [] })
  })

  it('has a detail of plain text, and not too much', () => {
    const detail = `\u001b[31m${'x'.repeat(400)}\n`
    expect(parse({ ...result, results: [{ ...entry, detail }] })).toMatchObject({
      results: [{ detail: `?[31m${'x'.repeat(295)}` }],
    })
  })

  it.each<[string, unknown]>([
    ['a list', [result]],
    ['null', null],
    ['no revision', { ...result, revision: undefined }],
    ['half a revision', { ...result, revision: 7.5 }],
    ['a time of words', { ...result, unixMs: 'now' }],
    ['no results', { ...result, results: {} }],
    [
      'too many results',
      { ...result, results: Array.from({ length: 501 }, (_, n) => ({ ...entry, database: `a/${n}` })) },
    ],
    ['an outcome nobody knows', { ...result, results: [{ ...entry, outcome: 'Open' }] }],
    ['an outcome of another case', { ...result, results: [{ ...entry, outcome: 'redirected' }] }],
    ['no Database', { ...result, results: [{ ...entry, database: 1 }] }],
    ['a Database twice', { ...result, results: [entry, { ...entry, outcome: 'DirectPathOpen' }] }],
    ['a word for an entry', { ...result, results: ['Redirected'] }],
  ])('is refused: %s', (_what, value) => {
    expect(() => parse(value)).toThrow(SealError)
  })

  it('is refused where it is no JSON', () => {
    expect(() => parseProbeResult('{"revision": 7')).toThrow(SealError)
  })
})
