import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { TlsMode } from '@sallyport/crds'
import { boundDatabase } from '../seal/testing/seal-fixtures.ts'
import * as encode from '../wire/postgres/encode.ts'
import { cancelUpstream, connectUpstream, type Upstream } from './upstream.ts'

const welcome = [encode.authenticationOk(), encode.backendKeyData(7, Buffer.from('wxyz')), encode.readyForQuery('I')]

let server: Server | null = null
const sockets = new Set<Socket>()

afterEach(() => {
  for (const socket of sockets) socket.destroy()
  server?.close()
})

/** A server that answers the first bytes it gets. */
async function serve(answer: (socket: Socket, received: Buffer) => void): Promise<number> {
  server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('data', (received: Buffer) => answer(socket, received))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

interface Ways {
  readonly mode?: TlsMode
  readonly timeoutMs?: number
}

function login(port: number, { mode = 'Disable', timeoutMs = 5000 }: Ways = {}): Promise<Upstream> {
  const credentials = { username: 'app', password: 'secret' }
  return connectUpstream({
    binding: { ...boundDatabase('db', port), credentials, tls: { mode } },
    database: 'postgres',
    parameters: new Map([['application_name', 'a']]),
    useHostsFile: false,
    connectTimeoutMs: timeoutMs,
    maxMessageBytes: 1 << 20,
    signal: AbortSignal.timeout(timeoutMs),
  })
}

function authentication(code: number, rest = Buffer.alloc(0)): Buffer {
  const body = Buffer.alloc(4)
  body.writeInt32BE(code)
  const frame = encode.passwordMessage(Buffer.concat([body, rest]))
  frame.write('R')
  return frame
}

describe('a login at a server', () => {
  it('asks for protocol 3.0 and keeps what the server says', async () => {
    let said: Buffer = Buffer.alloc(0)
    const port = await serve((socket, received) => {
      said = received
      socket.write(Buffer.concat([encode.parameterStatus('server_version', '18.4'), ...welcome]))
    })
    const upstream = await login(port)
    expect(said.readUInt32BE(4)).toBe(196_608)
    expect(said.toString('latin1', 8)).toBe('user\0app\0database\0postgres\0application_name\0a\0\0')
    expect(upstream).toMatchObject({ key: { processId: 7, secretKey: Buffer.from('wxyz') }, address: '127.0.0.1' })
    expect(upstream.parameters).toEqual(new Map([['server_version', '18.4']]))
  })

  it.each([4, 32, 256])('takes a cancel key of %i bytes', async (length) => {
    const key = encode.backendKeyData(7, Buffer.alloc(length, 1))
    const port = await serve((socket) => socket.write(Buffer.concat([encode.authenticationOk(), key, encode.readyForQuery('I')]))) // prettier-ignore
    expect((await login(port)).key.secretKey).toHaveLength(length)
  })

  it('takes it that a server says that it speaks 3.0', async () => {
    const port = await serve((socket) => socket.write(Buffer.concat([encode.negotiateProtocolVersion(0, []), ...welcome]))) // prettier-ignore
    expect((await login(port)).key.processId).toBe(7)
  })

  it.each<[string, Buffer, string, RegExp]>([
    ['wants another protocol', encode.negotiateProtocolVersion(2, []), 'ProtocolError', /not asked for/],
    [
      'does not know what was not asked for',
      encode.negotiateProtocolVersion(0, ['_pq_.x']),
      'ProtocolError',
      /not asked/,
    ],
    ['asks for Kerberos', authentication(7), 'LoginFailed', /authentication 7, which is not supported/],
    ['asks for something new', authentication(99), 'LoginFailed', /authentication 99, which is not supported/],
    ['offers OAuth alone', authentication(10, Buffer.from('OAUTHBEARER\0\0')), 'LoginFailed', /no SCRAM-SHA-256/],
    ['asks for a clear password', authentication(3), 'LoginFailed', /needs tls\.mode VerifyFull/],
    ['has a key that is too long', encode.backendKeyData(7, Buffer.alloc(257)), 'LoginFailed', /4 to 256 bytes/],
    ['announces 4 GB', Buffer.from([0x52, 0xff, 0xff, 0xff, 0xff]), 'LoginFailed', /not the protocol/],
    ['sends rows', encode.commandComplete('SELECT 1'), 'ProtocolError', /unexpected message C/],
    ['refuses the login', encode.errorResponse({ severity: 'FATAL', sqlstate: '28P01', message: 'role app' }), 'AuthenticationFailed', /28P01/], // prettier-ignore
  ])('ends where the server %s, and tells no secret', async (_what, answer, reason, expected) => {
    const port = await serve((socket) => socket.write(answer))
    const failure = login(port)
    await expect(failure).rejects.toMatchObject({ reason, message: expect.stringMatching(expected) as unknown })
    await expect(failure).rejects.not.toThrow(/secret|role app/)
  })

  it('ends where the server goes on and on', async () => {
    const notice = encode.noticeResponse({ severity: 'NOTICE', sqlstate: '00000', message: 'wait' })
    let timer: NodeJS.Timeout | null = null
    const port = await serve((socket) => {
      timer = setInterval(() => socket.write(notice), 20)
      socket.on('close', () => timer && clearInterval(timer))
    })
    await expect(login(port, { timeoutMs: 200 })).rejects.toMatchObject({ message: 'the login took too long' })
  })

  it.each<[string, Buffer, string]>([
    ['says no', Buffer.from('N'), 'TLSNotOffered'],
    ['answers with an error, as servers before TLS did', encode.errorResponse({ severity: 'FATAL', sqlstate: '08P01', message: 'x' }), 'TLSNotOffered'], // prettier-ignore
    ['says yes, and something more in clear', Buffer.concat([Buffer.from('S'), ...welcome]), 'TLSNotOffered'],
  ])('does not go on where the server %s to TLS', async (_what, answer, reason) => {
    const port = await serve((socket) => socket.write(answer))
    await expect(login(port, { mode: 'Require' })).rejects.toMatchObject({ reason })
  })
})

describe('a cancel request', () => {
  it('goes to the address of the session, whatever the host is called now', async () => {
    const { promise, resolve } = Promise.withResolvers<Buffer>()
    const port = await serve((socket, received) => {
      resolve(received)
      socket.end()
    })
    const key = { processId: 7, secretKey: Buffer.alloc(32, 1) }
    const binding = { ...boundDatabase('db', port), host: 'gone.invalid' }
    const dial = { binding, useHostsFile: false, connectTimeoutMs: 5000, signal: AbortSignal.timeout(5000) }
    await cancelUpstream(dial, { key, address: '127.0.0.1' })
    expect(await promise).toEqual(encode.cancelRequest(7, key.secretKey))
  })
})
