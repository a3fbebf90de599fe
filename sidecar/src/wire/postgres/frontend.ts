import { BodyReader } from './body-reader.ts'
import { FrameSplitter } from './frame-splitter.ts'
import { WireError } from './wire-error.ts'

/** What a client may send after its login (manual, "Message Formats", frontend). `raw` is the whole frame. */
export type FrontendMessage = { readonly raw: Buffer } & (
  | { readonly kind: 'Query'; /** without its NUL */ readonly sql: Buffer }
  | {
      readonly kind: 'Parse'
      readonly name: string
      readonly sql: Buffer
      /** OIDs; 0: to be inferred */
      readonly parameterTypes: readonly number[]
    }
  | {
      readonly kind: 'Bind'
      readonly portal: string
      readonly statement: string
      readonly parameterFormats: readonly number[]
      /** null: SQL NULL */
      readonly parameters: readonly (Buffer | null)[]
      /** 0, 1 or n codes: 0 text, 1 binary */
      readonly resultFormats: readonly number[]
    }
  | { readonly kind: 'Describe'; readonly target: 'S' | 'P'; readonly name: string }
  | { readonly kind: 'Execute'; readonly portal: string; /** 0: all */ readonly maxRows: number }
  | { readonly kind: 'Close'; readonly target: 'S' | 'P'; readonly name: string }
  | { readonly kind: 'Flush' }
  | { readonly kind: 'Sync' }
  | { readonly kind: 'FunctionCall' }
  | { readonly kind: 'CopyData' }
  | { readonly kind: 'CopyDone' }
  | { readonly kind: 'CopyFail'; readonly message: string }
  | { readonly kind: 'Terminate' }
  | { readonly kind: 'Password'; readonly payload: Buffer }
)

const knownTags: ReadonlySet<number> = new Set(Buffer.from('QPBDECHSFdcfXp', 'latin1'))

export class FrontendDecoder {
  readonly #splitter: FrameSplitter

  constructor(limits: { readonly maxMessageBytes: number }) {
    this.#splitter = new FrameSplitter(limits.maxMessageBytes, knownTags)
  }

  /**
   * @returns the messages that the chunk completes.
   * @throws WireError; the stream cannot go on after it.
   */
  push(chunk: Buffer): FrontendMessage[] {
    const messages: FrontendMessage[] = []
    this.#splitter.push(chunk, (tag, frame) => messages.push(decode(tag, frame)))
    return messages
  }
}

function decode(tag: number, raw: Buffer): FrontendMessage {
  const body = new BodyReader(raw)
  const message = decodeBody(tag, raw, body)
  body.end()
  return message
}

function decodeBody(tag: number, raw: Buffer, body: BodyReader): FrontendMessage {
  switch (String.fromCharCode(tag)) {
    case 'Q':
      return { kind: 'Query', sql: body.cstringBytes(), raw }
    case 'P':
      return { kind: 'Parse', name: body.cstring(), sql: body.cstringBytes(), parameterTypes: oids(body), raw }
    case 'B':
      return decodeBind(raw, body)
    case 'D':
      return { kind: 'Describe', target: target(body), name: body.cstring(), raw }
    case 'E':
      return { kind: 'Execute', portal: body.cstring(), maxRows: body.int32(), raw }
    case 'C':
      return { kind: 'Close', target: target(body), name: body.cstring(), raw }
    case 'H':
      return { kind: 'Flush', raw }
    case 'S':
      return { kind: 'Sync', raw }
    case 'F':
      body.rest()
      return { kind: 'FunctionCall', raw }
    case 'd':
      body.rest()
      return { kind: 'CopyData', raw }
    case 'c':
      return { kind: 'CopyDone', raw }
    case 'f':
      return { kind: 'CopyFail', message: body.cstring(), raw }
    case 'X':
      return { kind: 'Terminate', raw }
    case 'p':
      return { kind: 'Password', payload: body.rest(), raw }
    default:
      throw new WireError('unknown-message', 'a message has a type no client sends')
  }
}

function decodeBind(raw: Buffer, body: BodyReader): FrontendMessage {
  const portal = body.cstring()
  const statement = body.cstring()
  const parameterFormats = formats(body)
  const count = counted(body)
  const parameters: (Buffer | null)[] = []
  for (let index = 0; index < count; index++) {
    const length = body.int32()
    if (length < -1) throw new WireError('malformed', 'a parameter has a negative length')
    parameters.push(length === -1 ? null : body.bytes(length))
  }
  if (parameterFormats.length > 1 && parameterFormats.length !== count)
    throw new WireError('malformed', 'as many parameter formats as parameters, one, or none')
  return { kind: 'Bind', portal, statement, parameterFormats, parameters, resultFormats: formats(body), raw }
}

function oids(body: BodyReader): readonly number[] {
  return Array.from({ length: counted(body) }, () => body.uint32())
}

function formats(body: BodyReader): readonly number[] {
  return Array.from({ length: counted(body) }, () => {
    const code = body.int16()
    if (code !== 0 && code !== 1) throw new WireError('malformed', 'a format is neither text nor binary')
    return code
  })
}

/** An int16 that counts; the protocol reads it as unsigned, since 65,535 parameters are allowed. */
function counted(body: BodyReader): number {
  return body.int16() & 0xffff
}

function target(body: BodyReader): 'S' | 'P' {
  const code = String.fromCharCode(body.byte())
  if (code === 'S' || code === 'P') return code
  throw new WireError('malformed', 'neither a statement nor a portal is meant')
}
