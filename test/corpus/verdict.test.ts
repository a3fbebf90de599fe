import { describe, expect, it } from 'vitest'
import type { Observation } from './observation.ts'
import type { CorpusRecord } from './record.ts'
import { judge, judgeBenign } from './verdict.ts'

const nothing: Observation = {
  errors: [],
  preErrors: [],
  closed: false,
  hang: false,
  elapsedS: 0.1,
  rows: 0,
  bytes: 0,
  messages: [],
  rowText: '',
  tags: [],
  probeBefore: '1',
  probeAfter: '1',
  followup: '',
  victim: [],
  lockFreed: true,
  crash: '',
  reached: false,
  sent: 1,
}
const attack = (fields: Partial<CorpusRecord>): CorpusRecord => ({
  id: 'x',
  file: 'attacks-postgres',
  category: 'multi-statement',
  grant: 'read-only',
  expected: 'deny',
  sql: 'SELECT 1',
  ...fields,
})
const denial: Observation = { ...nothing, errors: [['42501', 'no']] }
const row = (text: string): Observation['messages'] => [['DataRow', Buffer.from(text)]]

describe('judge', () => {
  it.each<[string, Partial<CorpusRecord>, Partial<Observation>, boolean]>([
    ['a denial without effect', { evidence: { probe: 'q' } }, denial, true],
    ['a denial after the effect', { evidence: { probe: 'q' } }, { ...denial, probeAfter: '0' }, false],
    ['an effect that removed what is probed', { evidence: { probe: 'q' } }, { ...denial, probeAfter: 'ERR relation does not exist' }, false], // prettier-ignore
    ['silence', {}, nothing, false],
    ['a closed session', {}, { ...nothing, closed: true }, true],
    ['a hang', {}, { ...denial, hang: true }, false],
    ['a crash', {}, { ...denial, crash: 'exited' }, false],
    ['an error only the server gives', { evidence: { sqlstate: '22012' } }, { ...nothing, errors: [['22012', '']] }, false], // prettier-ignore
    ['an error that a gateway may give, unreached', { evidence: { sqlstate: '42501' } }, denial, true],
    ['an error that a gateway may give, reached', { evidence: { sqlstate: '42501' } }, { ...denial, reached: true }, false], // prettier-ignore
    ['text that must not appear', { must_not_appear: ['secret-9'] }, { ...denial, messages: row('a secret-9') }, false],
    ['a masked value in a row', { expected: 'mask' }, { ...nothing, rows: 1, messages: row('901-11-0001') }, false],
    ['masked rows', { expected: 'mask', deny_is_failure: true }, { ...nothing, rows: 1, messages: row('***') }, true],
    ['a denial where masks are asked', { expected: 'mask', deny_is_failure: true }, denial, false],
    ['rows up to the cap', { expected: 'cap' }, { ...nothing, rows: 100 }, true],
    ['rows above the cap', { expected: 'cap' }, { ...nothing, rows: 101 }, false],
    ['changes above the cap', { expected: 'cap', evidence: { probe: 'q' } }, { ...nothing, probeBefore: '600', probeAfter: '400' }, false], // prettier-ignore
    ['a runaway', { expected: 'cap', category: 'resource-exhaustion' }, { ...nothing, elapsedS: 4.5 }, false],
  ])('%s', (_name, record, seen, passed) => {
    expect(judge(attack(record), { ...nothing, ...seen }).passed).toBe(passed)
  })
})

describe('judgeBenign', () => {
  const direct: Observation = { ...nothing, rows: 3, tags: ['SELECT 3'] }
  it.each<[string, Partial<Observation>, boolean]>([
    ['the same', {}, true],
    ['another number of rows', { rows: 2 }, false],
    ['another tag', { tags: ['SELECT 2'] }, false],
    ['an error', { errors: [['42501', '']] }, false],
    ['a closed session', { closed: true }, false],
  ])('%s', (_name, seen, passed) => {
    expect(judgeBenign({ ...direct, ...seen }, direct).passed).toBe(passed)
  })
})
