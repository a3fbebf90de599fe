import { FrameSplitter, type OnFrame, type Runs } from './frame-splitter.ts'
import { BodyReader } from './body-reader.ts'
import type { Authentication } from '../../model/authentication.ts'
import { WireError } from './wire-error.ts'

/** Types of the server's messages (manual, "Message Formats", backend). */
export const backendTag = {
  Authentication: 0x52,
  BackendKeyData: 0x4b,
  BindComplete: 0x32,
  CloseComplete: 0x33,
  CommandComplete: 0x43,
  CopyData: 0x64,
  CopyDone: 0x63,
  CopyInResponse: 0x47,
  CopyOutResponse: 0x48,
  DataRow: 0x44,
  EmptyQueryResponse: 0x49,
  ErrorResponse: 0x45,
  NegotiateProtocolVersion: 0x76,
  NoData: 0x6e,
  NoticeResponse: 0x4e,
  ParameterDescription: 0x74,
  ParameterStatus: 0x53,
  ParseComplete: 0x31,
  PortalSuspended: 0x73,
  ReadyForQuery: 0x5a,
  RowDescription: 0x54,
} as const

/** Cuts the server's stream into whole messages; what they mean is read only where it matters. */
export class BackendDecoder {
  readonly #splitter: FrameSplitter

  constructor(limits: { readonly maxMessageBytes: number }) {
    this.#splitter = new FrameSplitter(limits.maxMessageBytes)
  }

  /**
   * Calls `onMessage` with each message that the chunk completes, tag and length included; those of `runs` come together.
   * @throws WireError
   */
  push(chunk: Buffer, onMessage: OnFrame, runs?: Runs): void {
    this.#splitter.push(chunk, onMessage, runs)
  }
}

export interface ColumnDescription {
  readonly name: string
  /** 0 where the column is no plain column of a relation. */
  readonly tableOid: number
  /** `pg_attribute.attnum`, 0 likewise. */
  readonly attribute: number
  readonly typeOid: number
  readonly typeSize: number
  readonly typeModifier: number
  readonly format: number
}

export function parseRowDescription(frame: Buffer): readonly ColumnDescription[] {
  const body = new BodyReader(frame)
  const columns = Array.from({ length: body.int16() }, () => ({
    name: body.cstringBytes().toString('utf8'),
    tableOid: body.uint32(),
    attribute: body.int16(),
    typeOid: body.uint32(),
    typeSize: body.int16(),
    typeModifier: body.int32(),
    format: body.int16(),
  }))
  body.end()
  return columns
}

/** Fields of ErrorResponse and NoticeResponse by their letter, in the order sent. */
export function parseErrorFields(frame: Buffer): ReadonlyMap<string, string> {
  const body = new BodyReader(frame)
  const fields = new Map<string, string>()
  for (;;) {
    const code = body.byte()
    if (code === 0) break
    fields.set(String.fromCharCode(code), body.cstringBytes().toString('utf8'))
  }
  body.end()
  return fields
}

/** The tag of CommandComplete, e.g. `UPDATE 3`. */
export function parseCommandTag(frame: Buffer): string {
  return new BodyReader(frame).cstringBytes().toString('latin1')
}

/** The number of rows a tag tells, null where it tells none. `INSERT oid rows` has it last, like the rest. */
export function affectedRows(tag: string): number | null {
  const match = /^(?:INSERT \d+|UPDATE|DELETE|MERGE|COPY|SELECT|FETCH|MOVE) (\d+)$/.exec(tag)
  return match ? Number(match[1]) : null
}

export function parseReadyForQuery(frame: Buffer): 'I' | 'T' | 'E' {
  const status = String.fromCharCode(new BodyReader(frame).byte())
  if (status === 'I' || status === 'T' || status === 'E') return status
  throw new WireError('malformed', 'ReadyForQuery tells no transaction status')
}

export function parseParameterStatus(frame: Buffer): { readonly name: string; readonly value: string } {
  const body = new BodyReader(frame)
  return { name: body.cstring(), value: body.cstring() }
}

/** The key of protocol 3.0 is 4 bytes, of 3.2 up to 256. */
export function parseBackendKeyData(frame: Buffer): { readonly processId: number; readonly secretKey: Buffer } {
  const body = new BodyReader(frame)
  const processId = body.uint32()
  if (body.left < 4 || body.left > 256) throw new WireError('malformed', 'a cancel key is 4 to 256 bytes')
  return { processId, secretKey: Buffer.from(body.rest()) }
}

export interface NegotiatedProtocol {
  readonly version: { readonly major: number; readonly minor: number }
  /** Names of `_pq_.` options the server does not know. */
  readonly unrecognized: readonly string[]
}

export function parseNegotiateProtocolVersion(frame: Buffer): NegotiatedProtocol {
  const body = new BodyReader(frame)
  const version = body.uint32()
  const count = body.uint32()
  if (count > body.left) throw new WireError('malformed', 'more protocol options than bytes')
  const unrecognized = Array.from({ length: count }, () => body.cstring())
  body.end()
  // The manual has the minor version alone here; servers send both halves.
  return { version: { major: version >>> 16 || 3, minor: version & 0xffff }, unrecognized }
}

/** DataRow: how many columns follow. */
export function dataRowColumnCount(frame: Buffer): number {
  return new BodyReader(frame).int16()
}

export function parseAuthentication(frame: Buffer): Authentication {
  const body = new BodyReader(frame)
  const code = body.int32()
  switch (code) {
    case 0:
      return { kind: 'Ok' }
    case 3:
      return { kind: 'CleartextPassword' }
    case 5:
      return { kind: 'MD5Password', salt: Buffer.from(body.bytes(4)) }
    case 10:
      return { kind: 'SASL', mechanisms: readMechanisms(body) }
    case 11:
      return { kind: 'SASLContinue', data: Buffer.from(body.rest()) }
    case 12:
      return { kind: 'SASLFinal', data: Buffer.from(body.rest()) }
    default:
      return { kind: 'Unsupported', code }
  }
}

function readMechanisms(body: BodyReader): readonly string[] {
  const mechanisms: string[] = []
  for (;;) {
    const name = body.cstring()
    if (name === '') return mechanisms
    mechanisms.push(name)
  }
}
