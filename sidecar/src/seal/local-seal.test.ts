import { describe, expect, it } from 'vitest'
import { localSeal, type DatabaseAnswer, type LoginAnswer } from './local-seal.ts'

const login: LoginAnswer = { kind: 'LoginRequired' }
const open: LoginAnswer = { kind: 'OpenToAll' }
const failed: LoginAnswer = { kind: 'Failed', detail: 'the host name h does not resolve' }

function answers(...given: readonly LoginAnswer[]): readonly DatabaseAnswer[] {
  return given.map((answer, n) => ({ database: `a/${n}`, answer }))
}

describe('the seal in Local mode', () => {
  it.each<[readonly LoginAnswer[], string, RegExp]>([
    [[login, login], 'False LoginRequired', /a\/0, a\/1 asks for a login$/],
    [[login, failed], 'False LoginRequired', /a\/0 asks for a login; a\/1 could not be tried: the host name h/],
    [[login, open, failed], 'False OpenToAll', /a\/1 lets strangers in/],
    [[failed], 'Unknown ProbeFailed', /a\/0 could not be tried/],
    [[], 'Unknown ProbeFailed', /no Database/],
  ])('of %j is %s', (given, expected, message) => {
    const seal = localSeal(answers(...given))
    expect(`${seal.status} ${seal.reason}`).toBe(expected)
    expect(seal.message).toMatch(message)
    expect(seal.mode).toBe('Local')
  })
})
