import { once } from 'node:events'
import type { Socket } from 'node:net'
import { probeAnswer, StartupDecoder, type StartupPacket } from '../wire/postgres/startup.ts'

/** Server's own `authentication_timeout` (manual, 20.3.1). */
const startupTimeoutMs = 60_000

export type StartupMessage = Extract<StartupPacket, { kind: 'StartupMessage' }>

export interface Started {
  readonly message: StartupMessage
  /** Bytes that came behind the packet. */
  readonly rest: Buffer
}

/**
 * Reads packets until the client says who it is. SSLRequest and GSSENCRequest are answered N, each at most once, and
 * nothing may lie behind them (CVE-2021-23214: bytes before encryption are not the client's). A ProbeRequest is answered where
 * it is the first packet, and ends the connection: what lies behind it is never read.
 * @returns null when the connection was for something else (a cancel request, a probe) or ended.
 * @throws WireError
 */
export async function readClientStartup(
  socket: Socket,
  onCancel: (key: { readonly processId: number; readonly secretKey: Buffer }) => void,
): Promise<Started | null> {
  const asked = new Set<string>()
  let decoder = new StartupDecoder()
  const timeout = AbortSignal.timeout(startupTimeoutMs)
  for (;;) {
    const chunk = await nextChunk(socket, timeout)
    if (!chunk) return null
    const packet = decoder.push(chunk)
    if (!packet) continue
    switch (packet.kind) {
      case 'StartupMessage':
        return { message: packet, rest: decoder.rest() }
      case 'CancelRequest':
        onCancel(packet)
        return null
      case 'ProbeRequest':
        if (asked.size === 0) socket.end(probeAnswer)
        return null
      case 'SSLRequest':
      case 'GSSENCRequest':
        if (asked.has(packet.kind) || decoder.rest().length > 0) return null
        asked.add(packet.kind)
        decoder = new StartupDecoder()
        socket.write('N')
        break
    }
  }
}

async function nextChunk(socket: Socket, signal: AbortSignal): Promise<Buffer | null> {
  const over = new AbortController()
  const ended = AbortSignal.any([signal, over.signal])
  const gone = Promise.race([once(socket, 'end', { signal: ended }), once(socket, 'close', { signal: ended })]).then(
    () => null,
    () => null,
  )
  try {
    socket.resume()
    const data = once(socket, 'data', { signal: ended }).then(
      ([chunk]) => {
        socket.pause()
        return chunk as Buffer
      },
      () => null,
    )
    return await Promise.race([data, gone])
  } finally {
    over.abort()
  }
}
