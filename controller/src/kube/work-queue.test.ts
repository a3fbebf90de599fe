import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { WorkQueue } from './work-queue.ts'

const log = pino({ level: 'silent' })

describe('WorkQueue', () => {
  it('works on a key once however often it was added before', async () => {
    const seen: string[] = []
    const queue = new WorkQueue({ name: 'q', log, handle: (key) => Promise.resolve(seen.push(key)).then(() => null) })
    for (const key of ['a', 'b', 'a', 'a']) queue.add(key)
    queue.start()
    await queue.settled()
    expect(seen).toEqual(['a', 'b'])
  })

  it('never works on one key twice at a time, and looks again at a key added meanwhile', async () => {
    const gates: (() => void)[] = []
    let [running, most] = [0, 0]
    const queue = new WorkQueue({
      name: 'q',
      log,
      handle: async () => {
        running += 1
        most = Math.max(most, running)
        await new Promise<void>((resolve) => gates.push(resolve))
        running -= 1
        return null
      },
    })
    queue.start()
    queue.add('a')
    queue.add('a')
    expect(gates).toHaveLength(1)
    gates[0]?.()
    await new Promise((resolve) => setImmediate(resolve))
    expect(gates).toHaveLength(2)
    gates[1]?.()
    await queue.settled()
    expect(most).toBe(1)
  })

  it('repeats a failed key with a growing delay until it succeeds', async () => {
    const atMs: number[] = []
    const done = Promise.withResolvers<undefined>()
    const queue = new WorkQueue({
      name: 'q',
      log,
      random: () => 0.5,
      handle: () => {
        atMs.push(performance.now())
        if (atMs.length < 5) return Promise.reject(new TypeError('not yet'))
        done.resolve(undefined)
        return Promise.resolve(null)
      },
    })
    queue.start()
    queue.add('a')
    await done.promise
    const gaps = atMs.slice(1).map((at, index) => at - (atMs[index] ?? 0))
    for (const [index, wanted] of [5, 10, 20, 40].entries()) expect(gaps[index]).toBeGreaterThanOrEqual(wanted - 2)
  })

  it('takes nothing once it was stopped, and waits for what is in flight', async () => {
    let finished = false
    const gate = Promise.withResolvers<null>()
    const queue = new WorkQueue({
      name: 'q',
      log,
      handle: () => gate.promise.finally(() => (finished = true)),
    })
    queue.start()
    queue.add('a')
    const stopped = queue.stop()
    queue.add('b')
    gate.resolve(null)
    await stopped
    expect(finished).toBe(true)
    expect(queue.length).toBe(0)
  })
})
