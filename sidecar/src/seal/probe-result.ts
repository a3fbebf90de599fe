import { SealError } from './seal-error.ts'

/** What trying the direct way to a Database led to, from best to worst. */
export const probeOutcomes = ['Redirected', 'Blocked', 'AddressesChanged', 'Unresolved', 'DirectPathOpen'] as const
export type ProbeOutcome = (typeof probeOutcomes)[number]

export interface DatabaseResult {
  readonly database: string
  readonly outcome: ProbeOutcome
  /** One sentence, cut and freed of everything that is no plain text. */
  readonly detail: string
}

/** result.json, which the probe writes when it has tried every target of a revision. */
export interface ProbeResult {
  readonly revision: number
  /** When it was tried, by the probe's clock; Unix milliseconds. */
  readonly unixMs: number
  readonly results: readonly DatabaseResult[]
}

/** A result of more Databases than a namespace may have is none. */
const maxResults = 500
const maxDetail = 300

/** @throws SealError */
export function parseProbeResult(text: string): ProbeResult {
  const value = parseJson(text)
  if (!isRecord(value)) throw new SealError('the result of the probe is no object')
  const { revision, unixMs, results } = value
  if (!isWhole(revision) || !isWhole(unixMs)) throw new SealError('the result of the probe has no revision or no time')
  if (!Array.isArray(results) || results.length > maxResults)
    throw new SealError(`the result of the probe has no list of at most ${maxResults}`)
  const parsed = results.map(parseEntry)
  if (new Set(parsed.map(({ database }) => database)).size < parsed.length)
    throw new SealError('the result of the probe names a Database twice')
  return { revision, unixMs, results: parsed }
}

function parseEntry(value: unknown): DatabaseResult {
  if (!isRecord(value)) throw new SealError('an entry of the result is no object')
  const outcome = probeOutcomes.find((known) => known === value.outcome)
  if (outcome === undefined) throw new SealError('an entry of the result has an outcome nobody knows')
  if (typeof value.database !== 'string' || typeof value.detail !== 'string')
    throw new SealError('an entry of the result has no Database or no detail')
  return { database: value.database, outcome, detail: plain(value.detail) }
}

function plain(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, maxDetail)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new SealError('the result of the probe is not JSON', { cause })
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}
