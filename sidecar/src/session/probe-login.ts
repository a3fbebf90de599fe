import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import type { LoginAnswer } from '../seal/local-seal.ts'
import { BackendDecoder, backendTag, parseAuthentication, parseErrorFields } from '../wire/postgres/backend.ts'
import { startupMessage } from '../wire/postgres/encode.ts'
import { FrameQueue } from './frame-queue.ts'
import { openTransport, UpstreamError, type DialOptions } from './upstream.ts'

/** No server needs more to ask for a login or to say no. */
const maxMessageBytes = 64 * 1024
/** Notices and the like before the answer. */
const maxMessages = 8

/**
 * Tries the direct way to a database as somebody would who has no login: names a user that is made up and sends no secret,
 * nor anything else of the Database. Never rejects.
 */
export async function probeLogin(options: DialOptions): Promise<LoginAnswer> {
  try {
    if (options.binding.engine !== 'PostgreSQL') return failed(`${options.binding.engine} is not spoken`)
    const socket = await openAnyTransport(options)
    try {
      const frames = new FrameQueue(socket, new BackendDecoder({ maxMessageBytes }), options.connectTimeoutMs)
      const user = `sallyport-probe-${randomBytes(4).toString('hex')}`
      socket.write(startupMessage([['user', user], ['database', options.binding.databases[0]]])) // prettier-ignore
      return await readAnswer(frames)
    } finally {
      socket.destroy()
    }
  } catch (cause) {
    return failed(cause instanceof UpstreamError ? cause.message : 'the server does not answer as PostgreSQL does')
  }
}

async function readAnswer(frames: FrameQueue): Promise<LoginAnswer> {
  for (let count = 0; count < maxMessages; count++) {
    const { tag, frame } = await frames.next()
    switch (tag) {
      case backendTag.Authentication:
        // The role is looked up only after this: a server that trusts everybody says Ok to a user that does not exist.
        return parseAuthentication(frame).kind === 'Ok' ? { kind: 'OpenToAll' } : { kind: 'LoginRequired' }
      case backendTag.ErrorResponse: {
        const sqlstate = parseErrorFields(frame).get('C') ?? ''
        if (/^28[0-9A-Z]{3}$/.test(sqlstate)) return { kind: 'LoginRequired' }
        return failed(`the server answers with SQLSTATE ${/^[0-9A-Z]{5}$/.test(sqlstate) ? sqlstate : 'unknown'}`)
      }
      case backendTag.NoticeResponse:
      case backendTag.NegotiateProtocolVersion:
        break
      default:
        return failed('the server does not answer as PostgreSQL does')
    }
  }
  return failed('the server does not come to the point')
}

/**
 * As the Database is to be reached: encrypted where it says so, in clear where the server has no TLS. Whose certificate it
 * is does not matter, as nothing is told.
 */
async function openAnyTransport(options: DialOptions): Promise<Socket> {
  const { binding } = options
  const withTls = (mode: 'Disable' | 'Require'): DialOptions => ({ ...options, binding: { ...binding, tls: { mode } } })
  if (binding.tls.mode === 'Disable') return (await openTransport(withTls('Disable'))).socket
  try {
    return (await openTransport(withTls('Require'))).socket
  } catch (cause) {
    if (!(cause instanceof UpstreamError) || cause.reason !== 'TLSNotOffered') throw cause
    return (await openTransport(withTls('Disable'))).socket
  }
}

function failed(detail: string): LoginAnswer {
  return { kind: 'Failed', detail }
}
