import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ExpiryHeap } from './expiry-heap.ts'

describe('ExpiryHeap', () => {
  beforeEach(() => vi.useFakeTimers({ now: 1_000_000 }))
  afterEach(() => vi.useRealTimers())

  const make = (): { heap: ExpiryHeap; due: string[] } => {
    const due: string[] = []
    return { due, heap: new ExpiryHeap({ nowMs: () => Date.now(), onDue: (key) => due.push(key) }) }
  }

  it('calls for each key when its time has come, earliest first', () => {
    const { heap, due } = make()
    const times = Array.from({ length: 200 }, (_, index) => (index * 7919) % 200)
    for (const time of times) heap.set(`k${time}`, 1_000_000 + time * 10)
    vi.advanceTimersByTime(1000)
    expect(due).toEqual(Array.from({ length: 101 }, (_, index) => `k${index}`))
    vi.advanceTimersByTime(1000)
    expect(due).toHaveLength(200)
    expect(heap.size).toBe(0)
  })

  it('forgets what was moved or deleted', () => {
    const { heap, due } = make()
    heap.set('a', 1_000_100)
    heap.set('a', 1_000_500)
    heap.set('b', 1_000_200)
    heap.delete('b')
    vi.advanceTimersByTime(400)
    expect(due).toEqual([])
    vi.advanceTimersByTime(100)
    expect(due).toEqual(['a'])
  })

  it('does not fire early for an instant a timer cannot reach', () => {
    const { heap, due } = make()
    const days = 24 * 3_600_000
    heap.set('a', 1_000_000 + 40 * days)
    vi.advanceTimersByTime(39 * days)
    expect(due).toEqual([])
    vi.advanceTimersByTime(days)
    expect(due).toEqual(['a'])
  })
})
