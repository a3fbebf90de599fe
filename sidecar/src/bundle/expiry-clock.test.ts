import { describe, expect, it } from 'vitest'
import { ExpiryClock } from './expiry-clock.ts'

describe('ExpiryClock', () => {
  it('starts from the wall clock and goes by monotonic time', () => {
    const { clock, pass } = held(1_000_000)
    pass(1500)
    expect(clock.now()).toBe(1_001_500)
  })

  it('takes the controller’s time at the first contact, be it behind or ahead', () => {
    for (const serverMs of [5_000, 5_000_000]) {
      const { clock, pass } = held(1_000_000)
      clock.now()
      clock.adjust(serverMs)
      pass(10)
      expect(clock.now()).toBe(serverMs + 10)
    }
  })

  it('is not held back by a message that arrives late', () => {
    const { clock, pass } = held(0)
    clock.adjust(100_000)
    pass(9_000)
    clock.adjust(103_000)
    expect(clock.now()).toBe(109_000)
  })

  it('goes forward at once when the controller’s clock does', () => {
    const { clock, pass } = held(0)
    clock.adjust(100_000)
    pass(5_000)
    clock.adjust(200_000)
    expect(clock.now()).toBe(200_000)
  })

  it('stands still, and never goes back, when the controller’s clock was corrected', () => {
    const { clock, pass } = held(0)
    clock.adjust(500_000)
    let before = clock.now()
    for (let contact = 1; contact <= 30; contact++) {
      pass(5_000)
      clock.adjust(300_000 + contact * 5_000)
      expect(clock.now()).toBeGreaterThanOrEqual(before)
      before = clock.now()
    }
    pass(200_000)
    expect(clock.now()).toBe(300_000 + 150_000 + 200_000)
  })

  it('does not follow the wall clock of this machine', () => {
    const clock = new ExpiryClock({ wallMs: 0 })
    expect(clock.now()).toBeLessThan(60_000)
  })
})

function held(wallMs: number): { readonly clock: ExpiryClock; readonly pass: (ms: number) => void } {
  let monotonicMs = 77
  const clock = new ExpiryClock({ wallMs, monotonic: () => monotonicMs })
  return { clock, pass: (ms) => (monotonicMs += ms) }
}
