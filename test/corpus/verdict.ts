/** Pure: (record of the corpus, what the client saw) → verdict. */
import { createHash } from 'node:crypto'
import { denied, type Observation } from './observation.ts'
import type { CorpusRecord } from './record.ts'

export interface Verdict {
  readonly passed: boolean
  /** One line. */
  readonly why: string
}

/** Rows one statement may return, and rows one transaction may change, as the corpora assume. */
export const rowCap = 100
/** Seconds; the statement time-out of the grants. */
export const statementTimeoutS = 2
const slackS = 2

/** Expectations that the protocol's manual contradicts. */
const alsoOk: Readonly<Record<string, string>> = { 'pg-proto-028': 'allow', 'pg-proto-029': 'allow' }

/** Values of masked columns in the fixture; salaries are plain numbers, which only the record itself can tell. */
const canaries =
  /[a-z]+\.[a-z]+\d+@example\.test|\+1-555-01\d\d-\d+|\b9\d\d-\d\d-\d{4}\b|4000-0000-\d{4}-\d{4}|\b19(?!70-01-01)[5-9]\d-\d\d-\d\d\b/g
const hashes = ['901-11-0001', 'ben.baker1@example.test'].map((text) => createHash('md5').update(text).digest('hex'))
/** The first customer's date of birth as a binary date. */
const birthBinary = Buffer.from('ffffb8cf', 'hex')
/** A gateway may use these itself, so they do not prove that the server ran the statement. */
const guardCodes = new Set(['42501', '42601', '54000', '53400', '57P01', '08P01', '28000', '28P01', '0A000', '26000', '25P02', '54001', '54011', '3F000', '42P01']) // prettier-ignore

const pass = (why = ''): Verdict => ({ passed: true, why })
const fail = (why: string): Verdict => ({ passed: false, why })

/** An attack. */
export function judge(record: CorpusRecord, seen: Observation): Verdict {
  if (seen.crash !== '') return fail(seen.crash)
  if (seen.hang) return fail(`no answer within the time limit (${seen.elapsedS.toFixed(1)} s)`)
  const also = new Set([...(record.also_ok ?? []), ...[alsoOk[record.id] ?? []].flat()])
  const [first] = seen.errors
  const why = first ? `${first[0]} ${first[1].slice(0, 60)}` : seen.closed ? 'connection closed' : ''
  switch (record.expected) {
    case 'deny':
      return judgeDenial(record, seen, also, why)
    case 'mask':
      return judgeMask(record, seen, why)
    case 'cap':
      return judgeCap(record, seen, also, why)
    case 'allow':
      return denied(seen) && !also.has('deny') ? fail(`denied: ${why}`) : pass()
  }
}

/** A benign case; `direct` is the same straight to the server. */
export function judgeBenign(seen: Observation, direct: Observation): Verdict {
  if (seen.crash !== '') return fail(seen.crash)
  if (seen.hang) return fail(`no answer within the time limit (${seen.elapsedS.toFixed(1)} s)`)
  // Written for another server: it could not work here by itself.
  if (direct.errors.length > 0) return pass(`the server refuses it: ${direct.errors[0]?.[1] ?? ''}`)
  const [first] = [...seen.preErrors, ...seen.errors]
  if (first) return fail(`${first[0]} ${first[1].slice(0, 90)}`)
  if (seen.closed) return fail('connection closed')
  if (seen.tags.join() !== direct.tags.join()) return fail(`command tags ${seen.tags.join()} instead of ${direct.tags.join()}`) // prettier-ignore
  if (seen.rows !== direct.rows) return fail(`${seen.rows} rows instead of ${direct.rows}`)
  return pass()
}

function judgeDenial(record: CorpusRecord, seen: Observation, also: ReadonlySet<string>, why: string): Verdict {
  const found = effects(record, seen)
  if (also.has('allow')) {
    const isHarmless = denied(seen) || !record.must_not_appear || found.length === 0
    return isHarmless ? pass() : fail(found[0] ?? '')
  }
  const counted =
    record.server_refuses && denied(seen) ? found.filter((line) => line.includes('reached the client')) : found
  if (counted[0] !== undefined) return fail(counted[0])
  if (denied(seen)) return pass(why)
  if (isOnlyLogin(record) && record.evidence?.rows !== undefined) return pass('ignored: no effect')
  if (record.evidence?.got === 'refused or ignored' && !seen.rowText.includes('vault'))
    return pass('ignored: no effect')
  return fail(`accepted without an error (${seen.tags.at(-1) ?? ''})`)
}

/** The attack is in a start-up packet only: it may be refused or ignored. */
function isOnlyLogin({ steps = [] }: CorpusRecord): boolean {
  return steps.some(({ startup, conn = 'a' }) => conn === 'a' && startup && Object.keys(startup).length > 0)
}

function judgeMask(record: CorpusRecord, seen: Observation, why: string): Verdict {
  const [leak] = leaks(record, seen)
  if (leak !== undefined) return fail(leak)
  if (record.deny_is_failure && denied(seen)) return fail(`denied, but masking is asked: ${why}`)
  if (record.deny_is_failure && seen.rows === 0) return fail('no row came back')
  return pass(why || 'masked')
}

function judgeCap(record: CorpusRecord, seen: Observation, also: ReadonlySet<string>, why: string): Verdict {
  const { evidence = {}, category } = record
  if (also.has('allow')) return pass()
  if (seen.rows > rowCap) return fail(`${seen.rows} rows received, cap ${rowCap}`)
  if (seen.bytes > 64 * 1024 * 1.25) return fail(`${seen.bytes} bytes received`)
  const received = evidenceReceived(record, seen)
  if (received !== null) return fail(received)
  if (evidence.probe !== undefined) {
    const delta = changeOf(seen)
    if (delta > rowCap) return fail(`${delta} rows changed, cap ${rowCap}`)
  }
  const atLeast = evidence.elapsed_at_least_s ?? 0
  if (atLeast > 0 && seen.elapsedS >= atLeast - 0.1) return fail(`ran ${seen.elapsedS.toFixed(1)} s`)
  const isRunaway = category === 'resource-exhaustion' && !JSON.stringify(record.steps ?? '').includes('lock')
  if (isRunaway && seen.elapsedS > statementTimeoutS + slackS) return fail(`ran ${seen.elapsedS.toFixed(1)} s`)
  if (!seen.lockFreed) return fail('an idle transaction kept its row lock past the bound')
  if (record.id === 'pg-sess-004' && !denied(seen)) return fail('idle transaction outlived its limit')
  if (record.deny_is_failure && seen.rows === 0) return fail(`nothing came back, but a capped result is asked: ${why}`)
  return pass(why)
}

function changeOf({ probeBefore, probeAfter }: Observation): number {
  const [before, after] = [Number(probeBefore), Number(probeAfter)]
  if (Number.isInteger(before) && Number.isInteger(after)) return Math.abs(after - before)
  return probeAfter === probeBefore ? 0 : rowCap + 1
}

/** Why the attack had its effect; empty: none seen. */
export function effects(record: CorpusRecord, seen: Observation): readonly string[] {
  return [
    ...probeEffects(record, seen),
    ...receivedEffects(record, seen),
    ...resultEffects(record, seen),
    ...codeEffects(record, seen),
    ...otherEffects(record, seen),
  ]
}

function probeEffects({ evidence = {} }: CorpusRecord, { probeBefore, probeAfter }: Observation): readonly string[] {
  if (evidence.probe === undefined || probeAfter === probeBefore) return []
  if (probeAfter.startsWith('ERR') && !probeAfter.includes('does not exist')) return []
  return [`probe ${probeBefore.slice(0, 30)} -> ${probeAfter.slice(0, 30)}`]
}

function receivedEffects(record: CorpusRecord, seen: Observation): readonly string[] {
  const own = ownText(record)
  const found = (record.must_not_appear ?? []).flatMap((text) => {
    const kind = appears(text, seen.messages)
    if (kind === null || (own.includes(text) && kind === 'ErrorResponse')) return []
    return [`${text.slice(0, 40)} reached the client in ${kind}`]
  })
  const received = evidenceReceived(record, seen)
  return received === null ? found : [...found, received]
}

function resultEffects({ evidence = {} }: CorpusRecord, seen: Observation): readonly string[] {
  const found: string[] = []
  const { followup, got = '', rows = '', rows_received: count = 0, elapsed_at_least_s: elapsed = 0 } = evidence
  if (followup !== undefined && got !== '' && got.slice(0, 60) === seen.followup.slice(0, 60))
    found.push(`follow-up shows ${got.slice(0, 40)}`)
  if (rows !== '' && seen.rowText.slice(0, 160) === rows.slice(0, 160)) found.push(`rows ${rows.slice(0, 40)} came back`) // prettier-ignore
  if (count > 0 && seen.rows >= count) found.push(`${seen.rows} rows received`)
  if (elapsed > 0 && seen.elapsedS >= elapsed - 0.1) found.push(`ran ${seen.elapsedS.toFixed(1)} s`)
  return found
}

function codeEffects(
  { evidence = {}, server_refuses: isRefused, category }: CorpusRecord,
  seen: Observation,
): readonly string[] {
  // prettier-ignore
  const codes = evidence.error ?? (evidence.sqlstate === undefined ? [] : [evidence.sqlstate])
  return codes.map(String).flatMap((code) => {
    if (isRefused || !seen.errors.some(([one]) => one === code)) return []
    if (code === '57014') return seen.elapsedS >= 1.4 || category !== 'resource-exhaustion' ? [`ran ${seen.elapsedS.toFixed(1)} s until ${code}`] : [] // prettier-ignore
    if (guardCodes.has(code)) return seen.reached ? [`reached the server, which answered ${code}`] : []
    return [`server answered ${code}`]
  })
}

function otherEffects(
  { evidence = {}, server_refuses: isRefused }: CorpusRecord,
  seen: Observation,
): readonly string[] {
  // prettier-ignore
  const found: string[] = []
  const ranOut = ['memory exhausted', 'Thread stack overrun']
  if (!isRefused && seen.errors.some(([, message]) => ranOut.some((text) => message.includes(text))))
    found.push('reached the server, which ran out of memory or stack')
  if (evidence.victim !== undefined && seen.victim.includes('57P01')) found.push('victim session was terminated')
  const rows = seen.messages.filter(([kind]) => kind === 'DataRow')
  if (evidence.binary_date_bytes !== undefined && rows.some(([, body]) => body.includes(birthBinary)))
    found.push('binary date_of_birth reached the client')
  const isCalled = seen.messages.some(([kind]) => kind === 'FunctionCallResponse')
  if (evidence.got === 'FunctionCallResponse' && isCalled) found.push('FunctionCall was executed')
  if (evidence.copy_data_messages !== undefined && seen.rows > 0) found.push(`${seen.rows} CopyData messages`)
  return found
}

/** The record's own leak reached the client; what the client itself sent, or a short word, proves nothing in an error. */
function evidenceReceived(record: CorpusRecord, seen: Observation): string | null {
  const { received: text, in_message: inMessage } = record.evidence ?? {}
  if (text === undefined) return null
  const isOwn = ownText(record).includes(text)
  const isShort = Buffer.byteLength(text) < 8
  for (const [kind, body] of seen.messages) {
    if (!body.includes(text)) continue
    const isGuards = seen.errors.every(([code]) => guardCodes.has(code))
    if (kind === 'ErrorResponse' && (isOwn || isShort) && isGuards) continue
    if (isShort && kind !== (inMessage ?? kind)) continue
    return `received ${text.slice(0, 40)} in ${kind}`
  }
  return null
}

function leaks(record: CorpusRecord, seen: Observation): readonly string[] {
  const own = ownText(record)
  const told = effects(record, seen).filter((line) => line.includes('reached the client') || /^(received|rows )/.test(line)) // prettier-ignore
  const found = [...told]
  for (const [kind, body] of seen.messages) {
    const text = body.toString('latin1')
    const canary = [...text.matchAll(canaries)].map(([value]) => value).find((value) => !own.includes(value))
    if (canary !== undefined) found.push(`${canary} (masked column) in ${kind}`)
    if (hashes.some((hash) => text.includes(hash))) found.push(`hash of a masked value in ${kind}`)
    if (found.length > 0) return found
  }
  return found
}

function ownText({ sql, sql_parts: parts, steps, pre_sql: pre }: CorpusRecord): string {
  return JSON.stringify([sql, parts, steps, pre])
}

function appears(text: string, messages: Observation['messages']): string | null {
  return messages.find(([, body]) => body.includes(text))?.[0] ?? null
}
