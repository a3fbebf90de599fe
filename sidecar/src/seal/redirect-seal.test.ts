import { describe, expect, it } from 'vitest'
import type { ProbeOutcome, ProbeResult } from './probe-result.ts'
import { redirectSeal, startProblem, type RedirectFindings } from './redirect-seal.ts'

const names = ['a/one', 'a/two']
const targets = names.map((database) => ({ database, host: 'h', port: 1, engine: 'PostgreSQL' as const }))

function result(...outcomes: readonly ProbeOutcome[]): ProbeResult {
  const results = outcomes.map((outcome, n) => ({ database: names[n] ?? '', outcome, detail: `detail ${n}` }))
  return { revision: 1, unixMs: 1, results }
}

function findings(given: Partial<RedirectFindings>): RedirectFindings {
  return { targets, notRedirected: [], result: null, silence: null, ...given }
}

describe('the seal in Redirect mode', () => {
  it.each<[string, Partial<RedirectFindings>, string | null]>([
    ['nothing before the first result', {}, null],
    ['True when all are redirected', { result: result('Redirected', 'Redirected') }, 'True Redirected'],
    ['True when one is blocked', { result: result('Redirected', 'Blocked') }, 'True Redirected'],
    ['False when one is open', { result: result('Redirected', 'DirectPathOpen') }, 'False DirectPathOpen'],
    ['False when one is open, whatever else', { result: result('Unresolved', 'DirectPathOpen'), notRedirected: ['a/new'], silence: 'quiet' }, 'False DirectPathOpen'],
    ['False when the pod was not made for one', { result: result('Redirected', 'AddressesChanged'), notRedirected: ['a/new'] }, 'False NotRedirected'],
    ['False when the pod was made for none', { targets: [], notRedirected: ['a/new'] }, 'False NotRedirected'],
    ['Unknown when addresses changed', { result: result('Redirected', 'AddressesChanged') }, 'Unknown AddressesChanged'],
    ['Unknown when a host does not resolve', { result: result('Unresolved', 'AddressesChanged') }, 'Unknown ProbeFailed'],
    ['Unknown when the probe leaves one out', { result: result('Redirected') }, 'Unknown ProbeFailed'],
    ['Unknown when the probe is silent', { result: result('Redirected', 'Redirected'), silence: 'quiet' }, 'Unknown ProbeFailed'],
    ['True when there is nothing to reach', { targets: [] }, 'True Redirected'],
  ])('is %s', (_what, given, expected) => {
    const seal = redirectSeal(findings(given))
    expect(seal && `${seal.status} ${seal.reason}`).toBe(expected)
    if (seal) expect(seal.mode).toBe('Redirect')
  }) // prettier-ignore

  it('does not believe the probe about what it was not asked', () => {
    const stranger = { revision: 1, unixMs: 1, results: [{ database: 'a/other', outcome: 'Redirected' as const, detail: '' }] } // prettier-ignore
    expect(redirectSeal(findings({ result: stranger }))?.reason).toBe('ProbeFailed')
  })

  it('names Databases, and not a whole namespace of them', () => {
    const notRedirected = ['a/1', 'a/2', 'a/3', 'a/4', 'a/5']
    expect(redirectSeal(findings({ notRedirected }))?.message).toContain('a/1, a/2, a/3 and 2 more')
  })
})

describe('a pod in Redirect mode', () => {
  it.each<[string, Partial<RedirectFindings>, RegExp | null]>([
    ['may not start before the first result', {}, /not yet tried/],
    [
      'may not start while a Database is open',
      { result: result('Redirected', 'DirectPathOpen') },
      /a\/two .*: detail 1/,
    ],
    ['may start when all are redirected', { result: result('Redirected', 'Blocked') }, null],
    ['may start when a host does not resolve', { result: result('Redirected', 'Unresolved') }, null],
    ['may start without a Database', { targets: [] }, null],
    ['may start with a Database that came after it', { targets: [], notRedirected: ['a/new'] }, null],
    ['may not start when the probe is silent', { silence: 'quiet' }, /not yet tried/],
  ])('%s', (_what, given, expected) => {
    const problem = startProblem(findings(given))
    if (expected) expect(problem).toMatch(expected)
    else expect(problem).toBeNull()
  })
})
