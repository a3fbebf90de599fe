import { pino, type Logger } from 'pino'
import { describe, expect, it } from 'vitest'
import { KubeError } from './errors.ts'
import { waitFor, type Look } from './wait-for.ts'

/** Looks that answer one after the other; the last one for ever. */
function answers(...looks: readonly (() => Look<string>)[]): () => Promise<Look<string>> {
  let at = 0
  return () => Promise.resolve().then(() => (looks[Math.min(at++, looks.length - 1)] ?? found)())
}
const found = (): Look<string> => ({ kind: 'Found', value: 'key' })
const notYet = (why: string) => (): Look<string> => ({ kind: 'NotYet', why })

function listen(): { readonly log: Logger; readonly lines: () => readonly string[] } {
  let text = ''
  const log = pino({ base: null, timestamp: false }, { write: (line: string) => void (text += line) })
  return { log, lines: () => text.trim().split('\n') }
}

describe('waitFor', () => {
  const { signal } = new AbortController()

  it('takes what is there without a word', async () => {
    const { log, lines } = listen()
    expect(await waitFor({ what: 'the key', look: answers(found), log, signal })).toBe('key')
    expect(lines()).toEqual([''])
  })

  it('looks again until it is there, whatever the API server says meanwhile, and says why it waits once each', async () => {
    const { log, lines } = listen()
    const away = (): never => {
      throw new KubeError('forbidden', 'GET key: 403')
    }
    const look = answers(notYet('it is not there'), notYet('it is not there'), away, found)
    expect(await waitFor({ what: 'the key', look, log, signal, pollMs: 1 })).toBe('key')
    expect(lines()).toEqual([
      '{"level":40,"what":"the key","why":"it is not there","msg":"waiting"}',
      '{"level":40,"what":"the key","why":"GET key: 403","msg":"waiting"}',
      '{"level":30,"what":"the key","msg":"what was waited for is there"}',
    ])
  })

  it('does not wait out a defect', async () => {
    const { log } = listen()
    const look = (): Promise<never> => Promise.reject(new TypeError('a defect'))
    await expect(waitFor({ what: 'the key', look, log, signal, pollMs: 1 })).rejects.toThrow('a defect')
  })

  it('ends with the signal', async () => {
    const { log } = listen()
    const ending = new AbortController()
    const waiting = waitFor({ what: 'the key', look: answers(notYet('no')), log, signal: ending.signal })
    ending.abort()
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' })
  })
})
