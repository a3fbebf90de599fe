import { describe, expect, it } from 'vitest'
import { judgeClocks, type ClockReading } from './clock.ts'

const hereMs = 1_800_000_000_500
/** A clock `aheadMs` ahead of this machine's, asked over a connection of 40 ms. */
const clock = (aheadMs: number, tookMs = 40): ClockReading => ({
  dateMs: Math.floor((hereMs + tookMs / 2 + aheadMs) / 1000) * 1000,
  askedMs: hereMs,
  answeredMs: hereMs + tookMs,
})

describe('judgeClocks', () => {
  it.each<[string, ClockReading | null, ClockReading | null, string]>([
    ['agree', clock(0), clock(0), 'Ok'],
    ['agree within what a header can tell', clock(900), clock(-900), 'Ok'],
    ['agree, the controller not asked', clock(0), null, 'Ok'],
    ['cannot be asked', null, clock(0), 'Skipped'],
    ['differ here: ahead', clock(-20_000), clock(-20_000), 'Warning'],
    ['differ here: behind', clock(20_000), null, 'Warning'],
    ['differ here by days, which ends no grant late', clock(9e8), clock(9e8), 'Warning'],
    ['of controller and API server differ', clock(0), clock(12_000), 'Warning'],
    ['of controller and API server differ much', clock(0), clock(-90_000), 'Failed'],
    ['are asked over a slow connection', clock(4000, 9000), null, 'Ok'],
  ])('clocks that %s', (_name, server, controller, result) => {
    expect(judgeClocks(server, controller).result).toBe(result)
  })

  it('says in which direction', () => {
    expect(judgeClocks(clock(-20_000), null).message).toMatch(/ahead of the API server's/)
    expect(judgeClocks(clock(20_000), null).message).toMatch(/behind the API server's/)
  })
})
