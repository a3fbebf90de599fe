import { once } from 'node:events'
import type { Socket } from 'node:net'
import { TLSSocket, type SecureContext } from 'node:tls'
import { unreachable } from '../model/unreachable.ts'
import { probeAnswer, StartupDecoder, type StartupPacket } from '../wire/postgres/startup.ts'
import { WireError } from '../wire/postgres/wire-error.ts'

/** Server's own `authentication_timeout` (manual, 20.3.1): for everything up to the start-up message, TLS included. */
const startupTimeoutMs = 60_000
/** Name of the protocol in TLS (manual, "SSL Session Encryption"). */
const alpn = 'postgresql'

export type StartupMessage = Extract<StartupPacket, { kind: 'StartupMessage' }>

export interface Started {
  readonly message: StartupMessage
  /** Bytes that came behind the packet. */
  readonly rest: Buffer
}

export interface ClientStartupOptions {
  /** The certificate to show; null: TLS is not offered. */
  readonly secureContext: (() => SecureContext) | null
  /** Resolves when the request was passed on or came to nothing. */
  readonly onCancel: (key: { readonly processId: number; readonly secretKey: Buffer }) => Promise<void>
  /** TLS with the client broke; its 'close' follows. */
  readonly onTlsError: (cause: Error) => void
  readonly startupTimeoutMs?: number
}

/** What a client says before it says who it is. */
export class ClientStartup {
  readonly #options: ClientStartupOptions
  readonly #deadline: AbortSignal
  readonly #asked = new Set<StartupPacket['kind']>()
  #socket: Socket

  constructor(socket: Socket, options: ClientStartupOptions) {
    this.#socket = socket
    this.#options = options
    this.#deadline = AbortSignal.timeout(options.startupTimeoutMs ?? startupTimeoutMs)
  }

  /** What the client is spoken to by: the connection, or TLS on it once that was agreed on. */
  get socket(): Socket {
    return this.#socket
  }

  get #isEncrypted(): boolean {
    return this.#socket instanceof TLSSocket
  }

  /**
   * Reads packets until the client says who it is. SSLRequest is answered S where there is a certificate, else N,
   * GSSENCRequest always N; each at most once, neither inside of TLS, and nothing may lie behind them (CVE-2021-23214: bytes
   * before encryption are not the client's). TLS may also begin at once, and must then name the protocol by ALPN. A
   * ProbeRequest is answered where it is the first packet, and ends the connection: what lies behind it is never read.
   * @returns null when the connection was for something else (a cancel request, a probe) or ended.
   * @throws WireError
   */
  async read(): Promise<Started | null> {
    for (;;) {
      const decoder = new StartupDecoder()
      const packet = await this.#next(decoder)
      if (!packet) return null
      switch (packet.kind) {
        case 'StartupMessage':
          return { message: packet, rest: decoder.rest() }
        case 'CancelRequest':
          await this.#options.onCancel(packet)
          return null
        case 'ProbeRequest':
          if (this.#asked.size === 0 && !this.#isEncrypted) this.#socket.end(probeAnswer)
          return null
        case 'ClientHello':
          if (!(await this.#directTls(decoder.rest()))) return null
          break
        case 'SSLRequest':
        case 'GSSENCRequest':
          this.#once(packet.kind, decoder.rest())
          if (!(await this.#answer(packet.kind))) return null
          break
        default:
          return unreachable(packet)
      }
    }
  }

  async #next(decoder: StartupDecoder): Promise<StartupPacket | null> {
    for (;;) {
      const chunk = await nextChunk(this.#socket, this.#deadline)
      if (!chunk) return null
      const packet = decoder.push(chunk)
      if (packet) return packet
    }
  }

  #once(kind: 'SSLRequest' | 'GSSENCRequest', rest: Buffer): void {
    if (this.#isEncrypted) throw new WireError('malformed', `${kind} inside of TLS`)
    if (this.#asked.has(kind)) throw new WireError('malformed', `${kind} comes a second time`)
    if (rest.length > 0) throw new WireError('malformed', `${kind} is followed by bytes that are not encrypted`)
    this.#asked.add(kind)
  }

  /** @returns false when TLS was agreed on and failed. */
  async #answer(kind: 'SSLRequest' | 'GSSENCRequest'): Promise<boolean> {
    const { secureContext } = this.#options
    if (kind === 'GSSENCRequest' || !secureContext) {
      this.#socket.write('N')
      return true
    }
    this.#socket.write('S')
    return (await this.#secure(secureContext())) !== null
  }

  async #directTls(received: Buffer): Promise<boolean> {
    const { secureContext } = this.#options
    if (this.#asked.size > 0 || this.#isEncrypted)
      throw new WireError('unknown-message', 'TLS begins where it was not agreed on')
    if (!secureContext) throw new WireError('unknown-message', 'TLS is not offered here')
    this.#socket.unshift(received)
    const secure = await this.#secure(secureContext())
    if (secure && secure.alpnProtocol !== alpn)
      throw new WireError('malformed', `TLS without SSLRequest needs the protocol "${alpn}" by ALPN`)
    return secure !== null
  }

  async #secure(secureContext: SecureContext): Promise<TLSSocket | null> {
    const secure = new TLSSocket(this.#socket, { isServer: true, secureContext, ALPNProtocols: [alpn] })
    secure.on('error', this.#options.onTlsError)
    this.#socket = secure
    const first = await firstEvent(secure, ['secure', 'close'], this.#deadline)
    if (first?.event === 'secure') return secure
    secure.destroy()
    return null
  }
}

/** The first of these events and what came with it; null where the signal was first. */
async function firstEvent(
  socket: Socket,
  events: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly event: string; readonly argument: unknown } | null> {
  const over = new AbortController()
  const ended = AbortSignal.any([signal, over.signal])
  const waits = events.map((event) =>
    once(socket, event, { signal: ended }).then(
      ([argument]: unknown[]) => ({ event, argument }),
      () => null,
    ),
  )
  try {
    return await Promise.race(waits)
  } finally {
    over.abort()
  }
}

async function nextChunk(socket: Socket, signal: AbortSignal): Promise<Buffer | null> {
  if (socket.destroyed) return null
  const pause = (): void => void socket.pause()
  // What comes behind the chunk waits in the socket for its next reader.
  socket.once('data', pause)
  const first = firstEvent(socket, ['data', 'end', 'close'], signal)
  socket.resume()
  const found = await first
  socket.off('data', pause)
  return found?.event === 'data' ? (found.argument as Buffer) : null
}
