import { once } from 'node:events'
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { DatabaseBinding } from '@sallyport/crds'
import { UpstreamAuthenticator } from '../credentials/upstream-auth.ts'
import { classifyTlsError, tlsOptions, tlsServerEndPoint } from '../credentials/upstream-tls.ts'
import {
  BackendDecoder,
  backendTag,
  parseAuthentication,
  parseBackendKeyData,
  parseErrorFields,
  parseNegotiateProtocolVersion,
  parseParameterStatus,
} from '../wire/postgres/backend.ts'
import { cancelRequest, passwordMessage, sslRequest, startupMessage } from '../wire/postgres/encode.ts'
import { FrameQueue } from './frame-queue.ts'
import { resolveHost } from './resolve-host.ts'

export interface UpstreamOptions {
  readonly binding: DatabaseBinding
  readonly database: string
  /** Settings of the start-up packet, judged and pinned already. */
  readonly parameters: ReadonlyMap<string, string>
  readonly useHostsFile: boolean
  readonly connectTimeoutMs: number
  readonly maxMessageBytes: number
  readonly signal: AbortSignal
}

/** A logged-in, idle connection to the database. */
export interface Upstream {
  readonly socket: Socket | TLSSocket
  readonly decoder: BackendDecoder
  /** Everything the server reported by ParameterStatus. */
  readonly parameters: Map<string, string>
  readonly key: { readonly processId: number; readonly secretKey: Buffer }
  /** Which of the host's addresses it is. */
  readonly address: string
}

/** Why the database could not be used; `reason` is one CamelCase word for a condition, `message` is free of secrets. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError'
  readonly reason: string
  constructor(reason: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}

/**
 * Dials, encrypts and logs in.
 * @throws UpstreamError
 */
export async function connectUpstream(options: UpstreamOptions): Promise<Upstream> {
  const { credentials } = options.binding
  if (!credentials)
    throw new UpstreamError('CredentialsMissing', options.binding.problem ?? 'the Database has no credentials')
  const { socket, secure } = await openTransport(options)
  try {
    return await login(socket, secure, options, credentials)
  } catch (cause) {
    socket.destroy()
    throw cause
  }
}

/**
 * Asks the server to cancel what this connection runs; resolves when the server closed the request. A host of several
 * addresses is several servers, and one of them knows the key.
 */
export async function cancelUpstream(
  options: DialOptions,
  { key, address }: Pick<Upstream, 'key' | 'address'>,
): Promise<void> {
  const { socket } = await openTransport({ ...options, address })
  socket.on('error', () => socket.destroy())
  const closed = once(socket, 'close')
  socket.setTimeout(options.connectTimeoutMs, () => socket.destroy())
  socket.resume()
  socket.end(cancelRequest(key.processId, key.secretKey))
  await closed
}

/** What it takes to reach the database, without a login. */
export type DialOptions = Pick<UpstreamOptions, 'binding' | 'useHostsFile' | 'connectTimeoutMs' | 'signal'> & {
  /** Dialled in place of those the host's name resolves to. */
  readonly address?: string
}

interface Transport {
  readonly socket: Socket | TLSSocket
  readonly secure: TLSSocket | null
}

/** Dials and encrypts. @throws UpstreamError, or the signal's reason. */
export async function openTransport(options: DialOptions): Promise<Transport> {
  const { binding } = options
  const socket = await dial(options)
  const secureOptions = tlsOptions({ ...binding.tls, host: binding.host })
  if (!secureOptions) return { socket, secure: null }
  socket.write(sslRequest())
  const answer = await firstChunk(socket, options.signal)
  if (answer.length !== 1 || answer[0] !== 0x53) {
    socket.destroy()
    throw new UpstreamError('TLSNotOffered', 'the server does not offer TLS; Database.spec.tls.mode asks for it')
  }
  const secure = connectTls({ ...secureOptions, socket })
  secure.on('error', closeFollows)
  try {
    await once(secure, 'secureConnect', { signal: options.signal })
  } catch (cause) {
    secure.destroy()
    const { reason, message } = classifyTlsError(cause)
    throw new UpstreamError(reason, message, { cause })
  }
  return { socket: secure, secure }
}

/** @throws UpstreamError when the server closes, or the signal's reason; the socket is gone then. */
async function firstChunk(socket: Socket, signal: AbortSignal): Promise<Buffer> {
  const closed = new AbortController()
  const onClose = (): void => closed.abort()
  socket.once('close', onClose)
  try {
    const [chunk] = (await once(socket, 'data', { signal: AbortSignal.any([signal, closed.signal]) })) as [Buffer]
    socket.pause()
    return chunk
  } catch (cause) {
    socket.destroy()
    if (signal.aborted) throw cause
    throw new UpstreamError('Unreachable', 'the server closed the connection before TLS', { cause })
  } finally {
    socket.off('close', onClose)
  }
}

async function dial(options: DialOptions): Promise<Socket> {
  const { binding } = options
  let addresses: readonly string[]
  try {
    addresses = options.address === undefined ? await resolveHost(binding.host, options) : [options.address]
  } catch (cause) {
    throw new UpstreamError('HostNotFound', `the host name ${binding.host} does not resolve`, { cause })
  }
  let failure: unknown
  for (const address of addresses) {
    try {
      return await dialAddress(address, binding.port, options)
    } catch (cause) {
      failure = cause
    }
  }
  const code = failure instanceof Error && 'code' in failure ? String(failure.code) : 'no address'
  const reason = code === 'ECONNREFUSED' ? 'ConnectionRefused' : 'Unreachable'
  throw new UpstreamError(reason, `${binding.host}:${binding.port} does not accept connections (${code})`, {
    cause: failure,
  })
}

async function dialAddress(
  host: string,
  port: number,
  options: Pick<UpstreamOptions, 'connectTimeoutMs' | 'signal'>,
): Promise<Socket> {
  const socket = connect({ host, port, noDelay: true, keepAlive: true, family: isIP(host) })
  socket.on('error', closeFollows)
  const deadline = AbortSignal.any([options.signal, AbortSignal.timeout(options.connectTimeoutMs)])
  try {
    await once(socket, 'connect', { signal: deadline })
    return socket
  } catch (cause) {
    socket.destroy()
    throw cause
  }
}

async function login(
  socket: Socket | TLSSocket,
  secure: TLSSocket | null,
  options: UpstreamOptions,
  credentials: { readonly username: string; readonly password: string },
): Promise<Upstream> {
  const decoder = new BackendDecoder({ maxMessageBytes: options.maxMessageBytes })
  const frames = new FrameQueue(socket, decoder, options.connectTimeoutMs)
  socket.write(startupMessage([['user', credentials.username], ['database', options.database], ...options.parameters]))
  const authenticator = new UpstreamAuthenticator({
    user: credentials.username,
    password: credentials.password,
    tlsVerified: secure !== null && secure.authorized && namesTheServer(options.binding.tls),
    ...channelBinding(secure),
  })
  const parameters = new Map<string, string>()
  let key: Upstream['key'] = { processId: 0, secretKey: Buffer.alloc(4) }
  // A server that goes on and on is no server: the login as a whole has its time.
  const overdue = (): void => void socket.destroy()
  options.signal.addEventListener('abort', overdue)
  try {
    for (;;) {
      const { tag, frame } = await frames.next()
      switch (tag) {
        case backendTag.Authentication: {
          const answer = await authenticator.respond(parseAuthentication(frame))
          if (Buffer.isBuffer(answer)) socket.write(passwordMessage(answer))
          break
        }
        case backendTag.ParameterStatus: {
          const { name, value } = parseParameterStatus(frame)
          parameters.set(name, value)
          break
        }
        case backendTag.BackendKeyData:
          key = parseBackendKeyData(frame)
          break
        case backendTag.NegotiateProtocolVersion:
          requireVersion30(parseNegotiateProtocolVersion(frame))
          break
        case backendTag.NoticeResponse:
          break
        case backendTag.ErrorResponse:
          throw loginError(parseErrorFields(frame))
        case backendTag.ReadyForQuery:
          return { socket, decoder, parameters, key, address: socket.remoteAddress ?? '' }
        default:
          throw new UpstreamError('ProtocolError', `unexpected message ${String.fromCharCode(tag)} during login`)
      }
    }
  } catch (cause) {
    if (cause instanceof UpstreamError) throw cause
    if (options.signal.aborted) throw new UpstreamError('Unreachable', 'the login took too long', { cause })
    throw new UpstreamError('LoginFailed', cause instanceof Error ? cause.message : 'the login failed', { cause })
  } finally {
    options.signal.removeEventListener('abort', overdue)
    frames.detach()
  }
}

/**
 * We ask for 3.0, as libpq does by itself: 3.2 has nothing to offer a sidecar but a longer cancel key, and poolers in front of
 * servers hang up on it. A server may say all the same what it speaks, as long as that is 3.0.
 */
function requireVersion30({ version, unrecognized }: ReturnType<typeof parseNegotiateProtocolVersion>): void {
  if (version.major === 3 && version.minor === 0 && unrecognized.length === 0) return
  throw new UpstreamError('ProtocolError', 'the server negotiates about a protocol that was not asked for')
}

/** Not `Require`, and not `VerifyCA` by the system's authorities, which sign for everybody. */
function namesTheServer({ mode, ca }: DatabaseBinding['tls']): boolean {
  return mode === 'VerifyFull' || (mode === 'VerifyCA' && ca !== undefined)
}

function channelBinding(
  secure: TLSSocket | null,
): { readonly channelBinding: { readonly type: 'tls-server-end-point'; readonly data: Buffer } } | object {
  const certificate = secure?.getPeerX509Certificate()
  const data = certificate && tlsServerEndPoint(certificate)
  return data ? { channelBinding: { type: 'tls-server-end-point', data } } : {}
}

/** The server's own text is kept out: it may name roles and hosts. The SQLSTATE says enough. */
function loginError(fields: ReadonlyMap<string, string>): UpstreamError {
  const sqlstate = fields.get('C') ?? 'XX000'
  if (sqlstate.startsWith('28'))
    return new UpstreamError('AuthenticationFailed', `the server refused the login of the Database (${sqlstate})`)
  if (sqlstate === '3D000')
    return new UpstreamError('DatabaseNotFound', 'the server has no database of the name asked for (3D000)')
  if (sqlstate === '53300')
    return new UpstreamError('TooManyConnections', 'the server accepts no further connection (53300)')
  return new UpstreamError('LoginRefused', `the server refused the session (${sqlstate})`)
}

/** 'close' follows every 'error', and whoever owns the socket waits for that; without a listener the process would end. */
function closeFollows(): void {
  return
}
