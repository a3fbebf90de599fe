import { describe, expect, it } from 'vitest'
import { repeat } from './repeat.ts'

describe('repeat', () => {
  it('does it again when it said, never twice at a time', async () => {
    const done = Promise.withResolvers<undefined>()
    let [times, running] = [0, 0]
    const repeated = repeat(async () => {
      running += 1
      expect(running).toBe(1)
      await new Promise((resolve) => setImmediate(resolve))
      running -= 1
      times += 1
      if (times === 3) done.resolve(undefined)
      return 1
    })
    await done.promise
    await repeated.close()
  })

  it('waits for what runs, and does it no more', async () => {
    const gate = Promise.withResolvers<number>()
    const entered = Promise.withResolvers<undefined>()
    let times = 0
    const repeated = repeat(() => {
      times += 1
      entered.resolve(undefined)
      return gate.promise
    })
    await entered.promise
    let isClosed = false
    const closed = repeated.close().then(() => {
      isClosed = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(isClosed).toBe(false)
    gate.resolve(0)
    await closed
    expect(times).toBe(1)
  })
})
