import { afterEach, describe, expect, it } from 'vitest'
import type { SidecarSeal } from '@sallyport/crds'
import { followLocal, type FollowLocalOptions } from './follow-local.ts'
import type { LoginAnswer } from './local-seal.ts'
import { boundDatabase, pause } from './testing/seal-fixtures.ts'

let stop = new AbortController()
let running: Promise<void> | null = null
afterEach(async () => {
  stop.abort()
  await running
  stop = new AbortController()
})

/** Resolves with the next seal. */
function start(options: Partial<FollowLocalOptions> & Pick<FollowLocalOptions, 'databases' | 'ask'>): Started {
  const waiting: ((seal: SidecarSeal) => void)[] = []
  let change: () => void = () => undefined
  running = followLocal({
    subscribe: (listener) => {
      change = listener
      return () => undefined
    },
    onSeal: (seal) => waiting.shift()?.(seal),
    pause,
    random: () => 0.5,
    signal: stop.signal,
    intervalMs: 3_600_000,
    ...options,
  })
  return { seal: () => new Promise((resolve) => waiting.push(resolve)), change: () => change() }
}

interface Started {
  readonly seal: () => Promise<SidecarSeal>
  readonly change: () => void
}

describe('trying the direct way in Local mode', () => {
  it('happens at once and at every change of what is asked, and at no other change', async () => {
    let databases = [boundDatabase('one')]
    let asked = 0
    const ask = (): Promise<LoginAnswer> => {
      asked += 1
      return Promise.resolve({ kind: 'LoginRequired' })
    }
    const resting = Promise.withResolvers<AbortSignal>()
    const { seal, change } = start({
      databases: () => databases,
      ask,
      pause: (durationMs, signal) => {
        resting.resolve(signal)
        return pause(durationMs, signal)
      },
    })
    expect((await seal()).message).toContain('agents/one asks')
    const rest = await resting.promise
    databases = [{ ...boundDatabase('one'), hashKey: 'another' }]
    change()
    expect(rest.aborted).toBe(false)
    databases = [boundDatabase('one'), boundDatabase('two')]
    const next = seal()
    change()
    expect((await next).message).toContain('agents/one, agents/two asks')
    expect(rest.aborted).toBe(true)
    expect(asked).toBe(3)
  })

  it('goes on by its interval, give or take a quarter', async () => {
    const pauses: number[] = []
    const chances = [0, 1, 0.5]
    const { promise, resolve } = Promise.withResolvers<undefined>()
    start({
      databases: () => [],
      ask: () => Promise.resolve({ kind: 'LoginRequired' }),
      random: () => chances[pauses.length] ?? 0,
      pause: async (durationMs, signal) => {
        pauses.push(durationMs)
        if (pauses.length < chances.length) return
        resolve(undefined)
        await pause(3_600_000, signal)
      },
      intervalMs: 1000,
    })
    await promise
    expect(pauses).toEqual([750, 1250, 1000])
  })

  it('asks few at once', async () => {
    const databases = Array.from({ length: 40 }, (_, n) => boundDatabase(`db-${n}`))
    let [now, most] = [0, 0]
    const ask = async (): Promise<LoginAnswer> => {
      most = Math.max(most, ++now)
      await new Promise((resolve) => setImmediate(resolve))
      now -= 1
      return { kind: 'LoginRequired' }
    }
    await start({ databases: () => databases, ask }).seal()
    expect(most).toBe(4)
  })
})
