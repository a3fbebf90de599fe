import { describe, expect, it } from 'vitest'
import type { Check } from './check.ts'
import type { Finding } from './finding.ts'
import { formatCheck, formatSummary, makeReport, reportCheck } from './report.ts'

const check: Check = { id: 'pods-injected', group: 'Workloads', needsRelease: true, run: () => Promise.reject(new TypeError()) } // prettier-ignore
const report = (finding: Finding) => reportCheck({ check, finding })
const about = { version: '0.1.0', server: 'https://here', release: { namespace: 'a', name: 'b' } }
const warning: Finding = { result: 'Warning', message: 'something is odd', fix: 'look', items: Array.from({ length: 13 }, (_one, at) => `pod ${at}`) } // prettier-ignore

describe('reportCheck', () => {
  it('keeps ten items and counts the others', () => {
    const told = report(warning)
    expect(told.items).toHaveLength(10)
    expect(told.moreItems).toBe(3)
  })

  it('lets nothing others wrote reach the terminal as a command', () => {
    const told = report({ result: 'Failed', message: 'a\u001b[2Jb\nc\u009b1m', fix: 'x', items: ['x\r\ny'] })
    expect(told.message).toBe('a [2Jb c 1m')
    expect(told.items).toEqual(['x y'])
  })

  it('names a missing right', () => {
    expect(report({ result: 'Skipped', message: 'no', right: 'kubectl auth can-i list pods' }).missingRight).toBe('kubectl auth can-i list pods') // prettier-ignore
  })
})

describe('makeReport', () => {
  const [ok, failed, skipped] = [report({ result: 'Ok', message: 'x' }), report({ ...warning, result: 'Failed' }), report({ result: 'Skipped', message: 'x' })] // prettier-ignore
  it('is as good as its worst check, whatever was skipped', () => {
    expect(makeReport(about, [ok, skipped]).result).toBe('Ok')
    expect(makeReport(about, [ok, report(warning)]).result).toBe('Warning')
    expect(makeReport(about, [failed, report(warning)]).result).toBe('Failed')
    expect(makeReport(about, [ok, failed, skipped]).counts).toEqual({ Ok: 1, Warning: 0, Failed: 1, Skipped: 1 })
  })
})

describe('the table', () => {
  it('puts a heading before the first check of a group, the fix below, and the sum last', () => {
    const first = report({ ...warning, items: ['pod 0'] })
    expect(formatCheck(first, null)).toBe(
      [
        'Workloads',
        '  ! pods-injected       something is odd',
        '                          pod 0',
        '                        → look',
        '',
      ].join('\n'),
    )
    expect(formatCheck(first, first)).not.toContain('Workloads')
    expect(formatSummary(makeReport(about, [first]))).toBe('\n0 ok, 1 warning, 0 failed\n')
  })
})
