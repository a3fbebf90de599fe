import { BodyReader } from './body-reader.ts'
import { WireError } from './wire-error.ts'

/** Packets before the login; they have no tag (manual, "Start-up"). */
export type StartupPacket =
  | { readonly kind: 'SSLRequest' }
  | { readonly kind: 'GSSENCRequest' }
  /** Ours, not PostgreSQL's: see {@link probeAnswer}. */
  | { readonly kind: 'ProbeRequest' }
  /** TLS begins without a SSLRequest: none of its bytes is taken off. */
  | { readonly kind: 'ClientHello' }
  | { readonly kind: 'CancelRequest'; readonly processId: number; readonly secretKey: Buffer }
  | {
      readonly kind: 'StartupMessage'
      /** Of protocol version 3. */
      readonly minorVersion: number
      readonly parameters: ReadonlyMap<string, string>
    }

/** The server's own limit (`MAX_STARTUP_PACKET_LENGTH`). */
const maxStartupBytes = 10_000
/** PostgreSQL keeps version 1234 for requests; of its minor numbers it uses 5678 to 5680, and we 24930. */
const codes = { cancel: 80877102, ssl: 80877103, gssenc: 80877104, probe: (1234 << 16) | 24930 }

/** Type of TLS's first record (RFC 8446, 5.1). As the first byte of a packet's length it would be far too long a packet. */
const tlsHandshake = 0x16

/** What a ProbeRequest, the 8 bytes of {@link probeRequest}, is answered with: "you reached a sidecar, not a database". */
export const probeAnswer: Buffer = Buffer.from('sallyport', 'latin1')

/** The question of who tries the way around a sidecar. No PostgreSQL answers it, and nothing is told but what is there. */
export function probeRequest(): Buffer {
  const packet = Buffer.alloc(8)
  packet.writeUInt32BE(packet.length, 0)
  packet.writeUInt32BE(codes.probe, 4)
  return packet
}

/** Reads one packet; a fresh decoder reads the next. */
export class StartupDecoder {
  #held: Buffer = Buffer.alloc(0)

  /**
   * @returns the packet once it is whole, null before.
   * @throws WireError
   */
  push(chunk: Buffer): StartupPacket | null {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    if (this.#held[0] === tlsHandshake) return { kind: 'ClientHello' }
    if (this.#held.length < 4) return null
    const length = this.#held.readUInt32BE(0)
    if (length < 8) throw new WireError('malformed', 'a start-up packet is too short')
    if (length > maxStartupBytes) throw new WireError('oversized', 'a start-up packet is too long')
    if (this.#held.length < length) return null
    const packet = this.#held.subarray(0, length)
    this.#held = this.#held.subarray(length)
    return decode(packet)
  }

  /** What came behind the packet. */
  rest(): Buffer {
    return this.#held
  }
}

function decode(packet: Buffer): StartupPacket {
  const body = new BodyReader(packet, 4)
  const code = body.uint32()
  switch (code) {
    case codes.ssl:
      body.end()
      return { kind: 'SSLRequest' }
    case codes.gssenc:
      body.end()
      return { kind: 'GSSENCRequest' }
    case codes.probe:
      body.end()
      return { kind: 'ProbeRequest' }
    case codes.cancel: {
      const processId = body.uint32()
      const secretKey = body.rest()
      if (secretKey.length < 4 || secretKey.length > 256)
        throw new WireError('malformed', 'a cancel key is 4 to 256 bytes')
      return { kind: 'CancelRequest', processId, secretKey }
    }
    default:
      if (code >>> 16 !== 3)
        throw new WireError('unsupported-version', 'only version 3 of the PostgreSQL protocol is spoken')
      return { kind: 'StartupMessage', minorVersion: code & 0xffff, parameters: readParameters(body) }
  }
}

function readParameters(body: BodyReader): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>()
  for (;;) {
    const key = body.cstring()
    if (key === '') break
    if (parameters.has(key)) throw new WireError('malformed', 'a start-up parameter is given twice')
    parameters.set(key, body.cstring())
  }
  body.end()
  return parameters
}
