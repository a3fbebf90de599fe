import { describe, expect, it } from 'vitest'
import {
  BackendDecoder,
  dataRowColumnCount,
  parseAuthentication,
  parseBackendKeyData,
  parseCommandTag,
  parseErrorFields,
  parseNegotiateProtocolVersion,
  parseParameterStatus,
  parseReadyForQuery,
  parseRowDescription,
} from './backend.ts'
import * as encode from './encode.ts'
import { FrontendDecoder, type FrontendMessage } from './frontend.ts'
import { probeRequest, StartupDecoder } from './startup.ts'
import { WireError } from './wire-error.ts'

const limits = { maxMessageBytes: 4096 }

const frontend = [
  encode.query("SELECT 'ü'"),
  encode.parse('s1', 'SELECT $1::int', [23]),
  encode.bind({ portal: 'p', statement: 's1', parameterFormats: [1], parameters: [Buffer.from([0, 0, 0, 7]), null], resultFormats: [0, 1] }), // prettier-ignore
  encode.describe('S', 's1'),
  encode.execute('p', 10),
  encode.close('P', 'p'),
  encode.flush(),
  encode.sync(),
  encode.copyFail('no'),
  encode.terminate(),
]
const backend = [
  encode.authenticationOk(),
  encode.parameterStatus('TimeZone', 'UTC'),
  encode.backendKeyData(7, Buffer.from('abcd')),
  encode.readyForQuery('I'),
  encode.parseComplete(),
  encode.noData(),
  encode.errorResponse({ severity: 'ERROR', sqlstate: '42501', message: 'no' }),
  encode.commandComplete('SELECT 1'),
]

/** The stream in three pieces, cut at every two bytes. */
function* cuts(stream: Buffer): Generator<readonly Buffer[]> {
  for (let first = 0; first <= stream.length; first += 1)
    for (let second = first; second <= stream.length; second += 1)
      yield [stream.subarray(0, first), stream.subarray(first, second), stream.subarray(second)]
}

function decodeFrontend(pieces: readonly Buffer[]): readonly FrontendMessage[] {
  const decoder = new FrontendDecoder(limits)
  return pieces.flatMap((piece) => decoder.push(piece))
}

function decodeBackend(pieces: readonly Buffer[]): readonly string[] {
  const decoder = new BackendDecoder(limits)
  const frames: string[] = []
  for (const piece of pieces) decoder.push(piece, (tag, frame) => frames.push(`${tag} ${frame.toString('hex')}`))
  return frames
}

describe('FrontendDecoder', () => {
  it('reads the same messages wherever the stream is cut', () => {
    const stream = Buffer.concat(frontend)
    const whole = decodeFrontend([stream])
    expect(whole.map(({ kind }) => kind)).toEqual(['Query', 'Parse', 'Bind', 'Describe', 'Execute', 'Close', 'Flush', 'Sync', 'CopyFail', 'Terminate']) // prettier-ignore
    const expected = JSON.stringify(whole)
    let wrong = 0
    for (const pieces of cuts(stream)) if (JSON.stringify(decodeFrontend(pieces)) !== expected) wrong += 1
    expect(wrong).toBe(0)
  })

  it('reads it byte by byte', () => {
    const stream = Buffer.concat(frontend)
    const bytes = [...stream].map((byte) => Buffer.from([byte]))
    expect(decodeFrontend(bytes)).toEqual(decodeFrontend([stream]))
  })

  it('keeps what a client sent: the frames are the stream', () => {
    const stream = Buffer.concat(frontend)
    expect(Buffer.concat(decodeFrontend([stream]).map(({ raw }) => raw))).toEqual(stream)
  })

  it.each<[string, Buffer, string]>([
    ['a length below four', Buffer.from([0x51, 0, 0, 0, 3]), 'malformed'],
    ['a length of 4 GB, before a byte of it came', Buffer.from([0x51, 0xff, 0xff, 0xff, 0xff]), 'oversized'],
    ['a length just above the limit', Buffer.from([0x51, 0, 0, 0x10, 0x01]), 'oversized'],
    ['a tag nobody knows', Buffer.from([0x7a, 0, 0, 0, 4]), 'unknown-message'],
    ['a tag nobody knows, before what it announces', Buffer.from([0x7a, 0, 0, 8, 0]), 'unknown-message'],
    ['a Query of nothing', Buffer.from([0x51, 0, 0, 0, 4]), 'malformed'],
    ['a length that is negative', Buffer.from([0x51, 0x80, 0, 0, 0]), 'oversized'],
    ['text without its NUL', Buffer.from([0x51, 0, 0, 0, 5, 0x41]), 'malformed|truncated'],
    ['bytes behind the end of a Sync', Buffer.from([0x53, 0, 0, 0, 5, 0]), 'malformed'],
    ['a NUL inside of a text', Buffer.from([0x51, 0, 0, 0, 7, 0x41, 0, 0]), 'malformed'],
    ['a Bind whose parameter is longer than it', Buffer.concat([Buffer.from([0x42, 0, 0, 0, 16, 0, 0, 0, 0, 0, 1]), Buffer.from([0, 0, 0, 99, 1, 2])]), 'truncated|malformed'], // prettier-ignore
    ['a name that is not UTF-8', Buffer.from([0x44, 0, 0, 0, 8, 0x53, 0xc3, 0x28, 0]), 'malformed'],
  ])('refuses %s', (_name, bytes, code) => {
    let found = 'nothing'
    try {
      decodeFrontend([bytes])
    } catch (cause) {
      found = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    }
    expect(code.split('|')).toContain(found)
  })
})

describe('BackendDecoder', () => {
  it('reads the same frames wherever the stream is cut', () => {
    const stream = Buffer.concat(backend)
    const whole = decodeBackend([stream])
    expect(whole).toHaveLength(backend.length)
    let wrong = 0
    for (const pieces of cuts(stream)) if (decodeBackend(pieces).join() !== whole.join()) wrong += 1
    expect(wrong).toBe(0)
  })

  it('refuses a message of 4 GB before a byte of it came', () => {
    expect(() => decodeBackend([Buffer.from([0x44, 0xff, 0xff, 0xff, 0xff])])).toThrow(/larger than allowed/)
  })

  it.each([4, 32, 256])('reads a cancel key of %i bytes', (length) => {
    const key = Buffer.alloc(length, 7)
    expect(parseBackendKeyData(encode.backendKeyData(9, key))).toEqual({ processId: 9, secretKey: key })
  })

  it.each([0, 3, 257])('refuses a cancel key of %i bytes', (length) => {
    expect(() => parseBackendKeyData(encode.backendKeyData(9, Buffer.alloc(length)))).toThrow(/4 to 256/)
  })

  it('reads which protocol is negotiated, as servers say it and as the manual does', () => {
    const unrecognized = ['_pq_.a', '_pq_.b']
    const said = encode.negotiateProtocolVersion(2, unrecognized)
    expect(parseNegotiateProtocolVersion(said)).toEqual({ version: { major: 3, minor: 2 }, unrecognized })
    said.writeUInt32BE(0, 5)
    expect(parseNegotiateProtocolVersion(said)).toMatchObject({ version: { major: 3, minor: 0 } })
    said.writeUInt32BE(0xffffffff, 9)
    expect(() => parseNegotiateProtocolVersion(said)).toThrow(/more protocol options/)
  })
})

/** A start-up packet of this protocol version without parameters. */
function versioned(major: number, minor: number): Buffer {
  return Buffer.from([0, 0, 0, 9, 0, major, minor >> 8, minor & 0xff, 0])
}

describe('StartupDecoder', () => {
  it('says which version is meant', () => {
    expect(() => new StartupDecoder().push(versioned(2, 0))).toThrow(/only version 3/)
  })

  const packet = encode.startupMessage([['user', 'agent'], ['database', 'shop']]) // prettier-ignore

  it('reads a start-up message wherever it is cut, and leaves what follows', () => {
    const stream = Buffer.concat([packet, Buffer.from('rest')])
    for (let at = 0; at <= stream.length; at += 1) {
      const decoder = new StartupDecoder()
      const found = decoder.push(stream.subarray(0, at)) ?? decoder.push(stream.subarray(at))
      expect(found).toMatchObject({ kind: 'StartupMessage', minorVersion: 0 })
      if (at < packet.length || at === stream.length) expect(decoder.rest().toString()).toBe('rest')
    }
  })

  it.each<[string, Buffer, object]>([
    ['SSLRequest', encode.sslRequest(), { kind: 'SSLRequest' }],
    ['ProbeRequest', Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x61, 0x62]), { kind: 'ProbeRequest' }],
    ['CancelRequest', encode.cancelRequest(9, Buffer.from('wxyz')), { kind: 'CancelRequest', processId: 9 }],
    ['CancelRequest of protocol 3.2', encode.cancelRequest(9, Buffer.alloc(256)), { secretKey: Buffer.alloc(256) }],
    ['TLS that begins at once', Buffer.from([0x16, 3, 1]), { kind: 'ClientHello' }],
    ['protocol 3.2', versioned(3, 2), { kind: 'StartupMessage', minorVersion: 2 }],
    ['a version that does not exist yet', versioned(3, 9999), { kind: 'StartupMessage', minorVersion: 9999 }],
  ])('knows %s', (_name, bytes, expected) => {
    expect(new StartupDecoder().push(bytes)).toMatchObject(expected)
  })

  it('leaves what lies behind a probe, wherever it is cut', () => {
    const stream = Buffer.concat([probeRequest(), packet])
    for (let at = 0; at <= stream.length; at += 1) {
      const decoder = new StartupDecoder()
      const found = decoder.push(stream.subarray(0, at)) ?? decoder.push(stream.subarray(at))
      expect(found).toEqual({ kind: 'ProbeRequest' })
    }
  })

  it.each<[string, Buffer]>([
    ['a cancel key of 3 bytes', encode.cancelRequest(9, Buffer.alloc(3))],
    ['a cancel key of 257 bytes', encode.cancelRequest(9, Buffer.alloc(257))],
    ['a packet of 4 GB, before it came', Buffer.from([0xff, 0xff, 0xff, 0xff])],
    ['protocol version 4', versioned(4, 0)],
    ['an SSLRequest that says more', Buffer.from([0, 0, 0, 9, 0x04, 0xd2, 0x16, 0x2f, 0])],
    [
      'a parameter that is given twice',
      encode.startupMessage([
        ['user', 'a'],
        ['user', 'b'],
      ]),
    ],
    ['bytes behind the last parameter', Buffer.from([0, 0, 0, 10, 0, 3, 0, 0, 0, 1])],
    ['a packet that is too short', Buffer.from([0, 0, 0, 7, 0, 0, 0])],
    ['a packet that is too long, before it came', Buffer.from([0, 0, 0x27, 0x11])],
    ['a probe that says more', Buffer.from([0, 0, 0, 9, 0x04, 0xd2, 0x61, 0x62, 0])],
    ['protocol version 2', versioned(2, 0)],
    ['a parameter without a value', Buffer.from([0, 0, 0, 14, 0, 3, 0, 0, 0x75, 0x73, 0x65, 0x72, 0, 0])],
  ])('refuses %s', (_name, bytes) => {
    expect(() => new StartupDecoder().push(bytes)).toThrow()
  })
})

describe('bytes of any kind', () => {
  /** The same numbers below `end` in every run (xorshift32). */
  let state = 20_261_126
  function random(end: number): number {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % end
  }

  /** Some bytes changed, left out or put in. */
  function damaged(bytes: Buffer): Buffer {
    const copy = [...bytes]
    for (let count = 1 + random(3); count > 0; count -= 1) copy.splice(random(copy.length + 1), random(3), random(256))
    return Buffer.from(copy)
  }

  const parsers = [
    dataRowColumnCount,
    parseAuthentication,
    parseBackendKeyData,
    parseCommandTag,
    parseErrorFields,
    parseNegotiateProtocolVersion,
    parseParameterStatus,
    parseReadyForQuery,
    parseRowDescription,
  ]
  const sent = [...frontend, encode.startupMessage([['user', 'agent']]), encode.cancelRequest(9, Buffer.from('wxyz'))]
  const readers: readonly (readonly [string, readonly Buffer[], (bytes: Buffer) => unknown])[] = [
    ['a client', frontend, (bytes) => decodeFrontend([bytes.subarray(0, 7), bytes.subarray(7)])],
    ['a client that starts', sent, (bytes) => new StartupDecoder().push(bytes)],
    ['a server', backend, (bytes) => decodeBackend([bytes.subarray(0, 7), bytes.subarray(7)])],
    ...parsers.map((parser) => [`a server, ${parser.name}`, backend, parser] as const),
  ]

  it.each(readers)('are read, or end the connection: %s', (_from, good, read) => {
    const found = new Set<unknown>()
    for (let round = 0; round < 3000; round += 1) {
      const bytes = damaged(good[random(good.length)] ?? Buffer.alloc(0))
      try {
        read(bytes.length < 5 ? Buffer.concat([bytes, Buffer.alloc(5)]) : bytes)
      } catch (cause) {
        if (!(cause instanceof WireError)) found.add(cause)
      }
    }
    expect([...found]).toEqual([])
  })
})
