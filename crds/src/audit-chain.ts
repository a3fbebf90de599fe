/**
 * The exact bytes of an audit record, and how a run of them is verified.
 *
 * A record is one line of JSON as `JSON.stringify` writes it, keys in this order:
 * `{"seq":1,"time":"2026-01-02T03:04:05.678Z",…event…,"prev":"<64 hex>","hash":"<64 hex>"}`.
 *
 * - `seq` counts from 1 within a source, without a gap.
 * - `prev` is the `hash` of the record before, 64 zeros in the first one.
 * - `hash` is sha256(the 32 bytes that `prev` spells ‖ the UTF-8 bytes of the line without its `,"hash":"<64 hex>"`).
 *
 * The hash is over bytes, not over values: nothing has to be parsed or written again to verify a line. With a shell,
 * from the first line of a file:
 * `(printf '%064d' 0 | xxd -r -p; head -1 FILE | sed 's/,"hash":"[0-9a-f]*"}$/}/' | tr -d '\n') | sha256sum`
 */
import { createHash, hash as digestOf } from 'node:crypto'

/** The last record before the ones in question. */
export interface ChainPosition {
  readonly seq: number
  /** 64 hex digits. */
  readonly hash: string
}

/** Where every chain begins: before the record with `seq` 1. */
export const chainStart: ChainPosition = { seq: 0, hash: '0'.repeat(64) }

export interface SealedRecord {
  /** One line without its line end. */
  readonly line: string
  readonly hash: string
}

/** What an event may not carry, because the record itself does. */
interface Unsealed {
  readonly kind: string
  readonly seq?: never
  readonly time?: never
  readonly prev?: never
  readonly hash?: never
}

/**
 * Makes the next record of a chain.
 * @param prev  hash of the record before; `chainStart.hash` for the first.
 * @param timeMs  Unix milliseconds.
 */
export function sealRecord(prev: string, seq: number, timeMs: number, event: Unsealed): SealedRecord {
  const body = JSON.stringify({ seq, time: new Date(timeMs).toISOString(), ...event, prev })
  const hash = hashBody(prev, body)
  return { line: `${body.slice(0, -1)},"hash":"${hash}"}`, hash }
}

/** An event as it stands in its record: the fields of its JSON, without the braces. */
export function eventFields(event: Unsealed): string {
  return JSON.stringify(event).slice(1, -1)
}

const digestBytes = 32
const tailBytes = ',"hash":""}\n'.length + 2 * digestBytes

/** Seals record after record of one chain; the same bytes as {@link sealRecord}, made from fields that may be kept. */
export class ChainSealer {
  readonly #scratch = Buffer.allocUnsafe(64 << 10)
  #position: ChainPosition

  constructor(position: ChainPosition) {
    this.#position = position
  }

  /** The last record that was sealed. */
  get position(): ChainPosition {
    return this.#position
  }

  /** Forgets the records sealed after `position`: they were written nowhere. */
  rewind(position: ChainPosition): void {
    this.#position = position
  }

  /**
   * @param timeMs  Unix milliseconds.
   * @param fields  see {@link eventFields}.
   * @returns the line with its line end.
   */
  seal(timeMs: number, fields: string): Buffer {
    const { seq: before, hash: prev } = this.#position
    const seq = before + 1
    const body = `{"seq":${seq},"time":"${new Date(timeMs).toISOString()}",${fields},"prev":"${prev}"}`
    const roomBytes = digestBytes + 3 * body.length + tailBytes
    const scratch = roomBytes <= this.#scratch.length ? this.#scratch : Buffer.allocUnsafe(roomBytes)
    scratch.write(prev, 0, 'hex')
    const end = digestBytes + scratch.write(body, digestBytes)
    const hash = digestOf('sha256', scratch.subarray(0, end), 'hex')
    const lineEnd = end - 1 + scratch.write(`,"hash":"${hash}"}\n`, end - 1, 'latin1')
    this.#position = { seq, hash }
    return Buffer.from(scratch.subarray(digestBytes, lineEnd))
  }
}

export interface AuditRecord {
  readonly seq: number
  /** RFC 3339, UTC, milliseconds. */
  readonly time: string
  readonly prev: string
  readonly hash: string
  /** Every key of the line, those above too. */
  readonly fields: Readonly<Record<string, unknown>>
}

/** Takes a line apart without verifying it; null where it is no record. */
export function parseRecord(line: string): AuditRecord | null {
  const shape = recordShape.exec(line)
  if (!shape) return null
  const [, seq = '', time = '', prev = '', hash = ''] = shape
  const fields = parseObject(line)
  if (!fields || fields.seq !== Number(seq) || fields.prev !== prev || fields.hash !== hash) return null
  return { seq: Number(seq), time, prev, hash, fields }
}

export const recordProblems = {
  'not-json': 'the line is not JSON: it was cut or edited',
  malformed: 'the line is not a record: seq, time, prev or hash is missing or misplaced',
  edited: 'the content does not match its hash: the record was edited',
  gap: 'records are missing before this one',
  reordered: 'the record is out of its order',
  duplicate: 'the record is there twice',
  'broken-chain': 'the record does not continue the one before it: one of the two was replaced',
} as const satisfies Record<string, string>
export type RecordProblem = keyof typeof recordProblems

export type VerifyResult =
  | {
      readonly ok: true
      /** Null where there were no lines. */
      readonly first: ChainPosition | null
      /** Where the chain stands after the lines: the expected position for the ones that follow. */
      readonly last: ChainPosition | null
    }
  | {
      readonly ok: false
      /** Index in `lines` of the first record that is wrong. */
      readonly index: number
      /** Its `seq`, where it could be read. */
      readonly seq: number | null
      readonly problem: RecordProblem
      /** One sentence for people. */
      readonly message: string
    }

/**
 * Checks every line by itself and against the one before it.
 * @param lines  records in the order they were found, without line ends.
 * @param expected  what the first line must continue; absent: the run may begin anywhere.
 */
export function verifyLines(lines: readonly string[], expected?: ChainPosition): VerifyResult {
  let position = expected ?? null
  let first: ChainPosition | null = null
  for (const [index, line] of lines.entries()) {
    const record = parseRecord(line)
    const problem = record ? checkRecord(record, lines, index, position) : unreadable(line)
    if (problem || !record) return failure(index, record, problem ?? 'malformed', position)
    position = { seq: record.seq, hash: record.hash }
    first ??= position
  }
  return { ok: true, first, last: first === null ? null : position }
}

const recordShape =
  /^\{"seq":([1-9]\d{0,15}),"time":"([^"\\]{20,30})",.*"prev":"([0-9a-f]{64})","hash":"([0-9a-f]{64})"\}$/s

const hashFieldLength = ',"hash":""}'.length + 64

function hashBody(prev: string, body: string): string {
  return createHash('sha256').update(Buffer.from(prev, 'hex')).update(body, 'utf8').digest('hex')
}

function checkRecord(
  record: AuditRecord,
  lines: readonly string[],
  index: number,
  position: ChainPosition | null,
): RecordProblem | null {
  const body = `${(lines[index] ?? '').slice(0, -hashFieldLength)}}`
  if (hashBody(record.prev, body) !== record.hash) return 'edited'
  if (position === null) return null
  const wanted = position.seq + 1
  if (record.seq === wanted) return record.prev === position.hash ? null : 'broken-chain'
  if (record.seq === position.seq && record.hash === position.hash) return 'duplicate'
  if (record.seq < wanted) return 'reordered'
  const comesLater = lines.some((other, at) => at > index && other.startsWith(`{"seq":${wanted},`))
  return comesLater ? 'reordered' : 'gap'
}

function unreadable(line: string): RecordProblem {
  return parseObject(line) ? 'malformed' : 'not-json'
}

function failure(
  index: number,
  record: AuditRecord | null,
  problem: RecordProblem,
  position: ChainPosition | null,
): VerifyResult {
  const seq = record?.seq ?? null
  const missing =
    problem === 'gap' && seq !== null && position !== null ? ` (seq ${position.seq + 1} to ${seq - 1})` : ''
  return { ok: false, index, seq, problem, message: `${recordProblems[problem]}${missing}` }
}

function parseObject(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}
