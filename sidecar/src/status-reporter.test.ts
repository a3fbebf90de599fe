import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import type { SidecarSeal, SidecarStatus } from '@sallyport/crds'
import { StatusReporter } from './status-reporter.ts'

const seal: SidecarSeal = { mode: 'Local', status: 'False', reason: 'LoginRequired', message: 'so it is' }

function entry(name: string, reachable: boolean): SidecarStatus['databases'][number] {
  return { namespace: 'agents', name, reachable, reason: reachable ? 'Connected' : 'Unreachable', message: '' }
}

interface Posts {
  readonly reporter: StatusReporter
  /** `<names of Databases> <reason of the seal>` of what was posted, taken or not. */
  readonly posts: readonly string[]
  /** Lets the oldest post that waits be taken, or not, and resolves when what follows from that has happened. */
  readonly answer: (isTaken: boolean) => Promise<void>
}

function open(): Posts {
  const posts: string[] = []
  const waiting: PromiseWithResolvers<undefined>[] = []
  const reporter = new StatusReporter({
    post: async ({ databases, seal: told }) => {
      posts.push([...databases.map(({ name }) => name), told?.reason ?? ''].join(' '))
      const answered = Promise.withResolvers<undefined>()
      waiting.push(answered)
      await answered.promise
    },
    pause: () => Promise.resolve(),
    signal: new AbortController().signal,
    log: pino({ enabled: false }),
  })
  return {
    reporter,
    posts,
    answer: async (isTaken) => {
      const next = waiting.shift()
      if (isTaken) next?.resolve(undefined)
      else next?.reject(new TypeError('not taken'))
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}

describe('what a sidecar tells of itself', () => {
  it('is told once, and one message at a time: what changes meanwhile goes into the next', async () => {
    const { reporter, posts, answer } = open()
    reporter.database(entry('one', true))
    reporter.database(entry('one', true))
    reporter.database(entry('two', true))
    reporter.seal(seal)
    reporter.seal(seal)
    expect(posts).toEqual(['one '])
    await answer(true)
    expect(posts).toEqual(['one ', 'two LoginRequired'])
    await answer(true)
    expect(posts).toHaveLength(2)
    reporter.database(entry('one', false))
    expect(posts).toEqual(['one ', 'two LoginRequired', 'one '])
  })

  it('is told again until it is taken', async () => {
    const { reporter, posts, answer } = open()
    reporter.seal(seal)
    await answer(false)
    await answer(false)
    await answer(true)
    expect(posts).toEqual(['LoginRequired', 'LoginRequired', 'LoginRequired'])
  })

  it('is all told again to another controller, but for Databases that are gone', async () => {
    const { reporter, posts, answer } = open()
    for (const name of ['one', 'two']) {
      reporter.database(entry(name, true))
      await answer(true)
    }
    reporter.seal(seal)
    await answer(true)
    reporter.retain((key) => key !== 'agents/two')
    reporter.repeat()
    expect(posts.at(-1)).toBe('one LoginRequired')
  })
})
