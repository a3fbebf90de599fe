/** Messages of both directions as bytes (manual, "Message Formats"). */

// --- server to client -------------------------------------------------------------------------------------------------

export interface ResponseFields {
  readonly severity: 'ERROR' | 'FATAL' | 'NOTICE' | 'WARNING'
  /** Five characters, Appendix A; always sent: clients rely on it. */
  readonly sqlstate: string
  readonly message: string
  readonly detail?: string
  readonly hint?: string
}

export function errorResponse(fields: ResponseFields): Buffer {
  return frame('E', responseBody(fields))
}

export function noticeResponse(fields: ResponseFields): Buffer {
  return frame('N', responseBody(fields))
}

export function readyForQuery(status: 'I' | 'T' | 'E'): Buffer {
  return frame('Z', Buffer.from(status))
}

export function authenticationOk(): Buffer {
  return frame('R', int32(0))
}

export function parameterStatus(name: string, value: string): Buffer {
  return frame('S', cstring(name), cstring(value))
}

export function backendKeyData(processId: number, secretKey: Buffer): Buffer {
  return frame('K', int32(processId), secretKey)
}

/** The manual calls the first field the minor version; every server sends the whole one, and libpq 18 reads that. */
export function negotiateProtocolVersion(newestMinor: number, unrecognized: readonly string[]): Buffer {
  return frame('v', int32((3 << 16) | newestMinor), int32(unrecognized.length), ...unrecognized.map(cstring))
}

export function commandComplete(tag: string): Buffer {
  return frame('C', cstring(tag))
}

export function emptyQueryResponse(): Buffer {
  return frame('I')
}

export function parseComplete(): Buffer {
  return frame('1')
}

export function bindComplete(): Buffer {
  return frame('2')
}

export function closeComplete(): Buffer {
  return frame('3')
}

export function noData(): Buffer {
  return frame('n')
}

// --- client to server -------------------------------------------------------------------------------------------------

const protocolVersion3 = 196_608

export function startupMessage(parameters: Iterable<readonly [string, string]>): Buffer {
  const pairs = [...parameters].flatMap(([key, value]) => [cstring(key), cstring(value)])
  return untagged(int32(protocolVersion3), ...pairs, Buffer.of(0))
}

export function sslRequest(): Buffer {
  return untagged(int32(80877103))
}

export function cancelRequest(processId: number, secretKey: Buffer): Buffer {
  return untagged(int32(80877102), int32(processId), secretKey)
}

export function query(sql: string | Buffer): Buffer {
  return frame('Q', cstring(sql))
}

export function parse(name: string, sql: string | Buffer, types: readonly number[] = []): Buffer {
  return frame('P', cstring(name), cstring(sql), int16(types.length), ...types.map(int32))
}

export interface BindFields {
  readonly portal: string
  readonly statement: string
  readonly parameterFormats?: readonly number[]
  readonly parameters?: readonly (Buffer | null)[]
  readonly resultFormats?: readonly number[]
}

export function bind(fields: BindFields): Buffer {
  const { portal, statement, parameterFormats = [], parameters = [], resultFormats = [] } = fields
  return frame(
    'B',
    cstring(portal),
    cstring(statement),
    int16(parameterFormats.length),
    ...parameterFormats.map(int16),
    int16(parameters.length),
    ...parameters.flatMap((value) => (value === null ? [int32(-1)] : [int32(value.length), value])),
    int16(resultFormats.length),
    ...resultFormats.map(int16),
  )
}

export function describe(target: 'S' | 'P', name: string): Buffer {
  return frame('D', Buffer.from(target), cstring(name))
}

export function execute(portal: string, maxRows: number): Buffer {
  return frame('E', cstring(portal), int32(maxRows))
}

export function close(target: 'S' | 'P', name: string): Buffer {
  return frame('C', Buffer.from(target), cstring(name))
}

export function flush(): Buffer {
  return frame('H')
}

export function sync(): Buffer {
  return frame('S')
}

export function terminate(): Buffer {
  return frame('X')
}

export function copyFail(message: string): Buffer {
  return frame('f', cstring(message))
}

/** Password, SASLInitialResponse and SASLResponse share one tag; the payload says which. */
export function passwordMessage(payload: Buffer): Buffer {
  return frame('p', payload)
}

/** Payload of PasswordMessage. */
export function passwordPayload(password: string): Buffer {
  return cstring(password)
}

// --- parts ------------------------------------------------------------------------------------------------------------

function responseBody({ severity, sqlstate, message, detail, hint }: ResponseFields): Buffer {
  const fields = [`S${severity}`, `V${severity}`, `C${sqlstate}`, `M${message}`]
  if (detail !== undefined && detail !== '') fields.push(`D${detail}`)
  if (hint !== undefined && hint !== '') fields.push(`H${hint}`)
  return Buffer.concat([...fields.map(cstring), Buffer.of(0)])
}

function frame(tag: string, ...parts: readonly Buffer[]): Buffer {
  const body = parts.reduce((sum, part) => sum + part.length, 0)
  const bytes = Buffer.allocUnsafe(body + 5)
  bytes.write(tag, 0, 'latin1')
  bytes.writeInt32BE(body + 4, 1)
  let offset = 5
  for (const part of parts) offset += part.copy(bytes, offset)
  return bytes
}

function untagged(...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([int32(body.length + 4), body])
}

/** A NUL inside would end the string early and begin another field: it is left out. */
function cstring(text: string | Buffer): Buffer {
  const bytes = typeof text === 'string' ? Buffer.from(text.replaceAll('\0', '')) : text
  return Buffer.concat([bytes, Buffer.of(0)])
}

function int16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2)
  bytes.writeUInt16BE(value & 0xffff)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}
