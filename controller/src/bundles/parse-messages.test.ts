import { sealReasons } from '@sallyport/crds'
import { describe, expect, it } from 'vitest'
import { BundleError } from './errors.ts'
import { parseAuditBatch, parseSidecarStatus } from './parse-messages.ts'

const seal = { mode: 'Redirect', status: 'True', reason: 'Redirected', message: 'every Database is redirected' }
const entry = { namespace: 'agents', name: 'db', reachable: true, reason: 'Connected', message: 'a session was opened' }

describe('the status of a sidecar', () => {
  it('may hold a seal beside the Databases, or none', () => {
    expect(parseSidecarStatus({ databases: [entry] })).toEqual({ databases: [entry] })
    expect(parseSidecarStatus({ databases: [], seal })).toEqual({ databases: [], seal })
  })

  it.each(sealReasons)('knows the reason %s', (reason) => {
    expect(parseSidecarStatus({ databases: [], seal: { ...seal, reason } }).seal?.reason).toBe(reason)
  })

  it('cuts a long sentence, and keeps no field nobody knows', () => {
    const parsed = parseSidecarStatus({ databases: [], seal: { ...seal, message: 'x'.repeat(5000), more: 1 } })
    expect(parsed.seal).toEqual({ ...seal, message: 'x'.repeat(1024) })
  })

  it.each<[string, unknown]>([
    ['an unknown reason', { ...seal, reason: 'Sealed' }],
    ['an unknown mode', { ...seal, mode: 'redirect' }],
    ['an unknown status', { ...seal, status: true }],
    ['no sentence', { ...seal, message: null }],
    ['a list', [seal]],
    ['null', null],
  ])('is refused as a whole with a seal of %s', (_what, bad) => {
    expect(() => parseSidecarStatus({ databases: [entry], seal: bad })).toThrow(BundleError)
    expect(() => parseSidecarStatus({ databases: [entry], seal: bad })).toThrow(
      expect.objectContaining({ code: 'bad-request' }),
    )
  })

  it('is refused without Databases', () => {
    expect(() => parseSidecarStatus({ seal })).toThrow(/databases/)
  })
})

describe('parseAuditBatch', () => {
  const batch = { source: 'uid/boot', namespace: 'agents', pod: 'report', lines: ['{}'] }

  it('takes a batch with and without what it waits for', () => {
    expect(parseAuditBatch(batch)).toEqual(batch)
    const asking = { ...batch, lines: [], afterSeq: 7, awaited: true }
    expect(parseAuditBatch(asking)).toEqual(asking)
  })

  it.each([
    { afterSeq: -1 },
    { afterSeq: 0.5 },
    { afterSeq: '7' },
    { awaited: 1 },
    { lines: ['a\nb'] },
    { lines: 'none' },
    { source: 7 },
    { source: 'x'.repeat(257) },
  ])('refuses %j', (change) => {
    expect(() => parseAuditBatch({ ...batch, ...change })).toThrow(BundleError)
  })
})
