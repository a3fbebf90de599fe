import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A connection that is spoken to in bytes. */
export interface RawClient {
  readonly socket: Socket
  /** Everything that has come, as latin1. */
  text(): string
  /** Resolves with everything that came when the other side has closed. */
  closed(): Promise<string>
}

/** @throws the system's error when nothing listens there. */
export async function connectRaw(port: number, host = '127.0.0.1'): Promise<RawClient> {
  const socket = connect({ port, host })
  let text = ''
  socket.on('data', (chunk) => (text += chunk.toString('latin1')))
  await once(socket, 'connect')
  const gone = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  // A reset is an end like another; whoever expects an answer misses it in the text.
  socket.on('error', () => undefined)
  return { socket, text: () => text, closed: () => gone.then(() => text) }
}

/** Connects, says this and gives the whole answer. */
export async function askRaw(port: number, bytes: Buffer, host?: string): Promise<string> {
  const client = await connectRaw(port, host)
  client.socket.write(bytes)
  return client.closed()
}
