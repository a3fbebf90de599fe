import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { connect as connectTls, createSecureContext, TLSSocket, type ConnectionOptions } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { firstAuthority } from '../bundle/testing/certificates.ts'
import { cancelRequest, sslRequest, startupMessage } from '../wire/postgres/encode.ts'
import { probeAnswer, probeRequest } from '../wire/postgres/startup.ts'
import { ClientStartup, type Started } from './client-startup.ts'

const secureContext = createSecureContext(firstAuthority)
const startup = startupMessage([['user', 'agent']])
const gssencRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30])
const trust: ConnectionOptions = { ca: firstAuthority.ca, host: '127.0.0.1' }

let server: Server
const sockets: Socket[] = []

/** How it ended on the sidecar's side. */
type Outcome = { readonly started: Started | null; readonly encrypted: boolean } | { readonly refused: string }

interface Served {
  readonly client: Socket
  readonly outcome: Promise<Outcome>
  readonly cancelled: number[]
}

async function serve(withTls: boolean, startupTimeoutMs = 10_000): Promise<Served> {
  const cancelled: number[] = []
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  server = createServer({ pauseOnConnect: true }, (socket) => {
    socket.on('error', () => undefined)
    const reader = new ClientStartup(socket, {
      secureContext: withTls ? () => secureContext : null,
      onCancel: ({ processId }) => Promise.resolve(void cancelled.push(processId)),
      onTlsError: () => undefined,
      startupTimeoutMs,
    })
    reader
      .read()
      .then(
        (started) => resolve({ started, encrypted: reader.socket instanceof TLSSocket }),
        (cause: unknown) => resolve({ refused: cause instanceof Error ? cause.message : 'unknown' }),
      )
      .finally(() => reader.socket.destroySoon())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  client.on('error', () => undefined)
  sockets.push(client)
  await once(client, 'connect')
  return { client, outcome: promise, cancelled }
}

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
  server.close()
})

async function answer(client: Socket): Promise<string> {
  const [chunk] = (await once(client, 'data')) as [Buffer]
  return chunk.toString('latin1')
}

async function encrypt(client: Socket, options: ConnectionOptions = trust): Promise<TLSSocket> {
  const secure = connectTls({ ...options, socket: client })
  secure.on('error', () => undefined)
  await once(secure, 'secureConnect')
  return secure
}

describe('a client that asks for TLS', () => {
  it('gets it, and says the rest inside of it', async () => {
    const { client, outcome } = await serve(true)
    client.write(sslRequest())
    expect(await answer(client)).toBe('S')
    const secure = await encrypt(client)
    expect(secure.authorized).toBe(true)
    secure.write(Buffer.concat([startup, Buffer.from('rest')]))
    expect(await outcome).toMatchObject({ encrypted: true, started: { rest: Buffer.from('rest') } })
  })

  it('is told N where there is no certificate, and may go on', async () => {
    const { client, outcome } = await serve(false)
    client.write(sslRequest())
    expect(await answer(client)).toBe('N')
    client.write(startup)
    expect(await outcome).toMatchObject({ encrypted: false, started: { message: { kind: 'StartupMessage' } } })
  })

  it('may ask for GSS before it', async () => {
    const { client, outcome } = await serve(true)
    client.write(gssencRequest)
    expect(await answer(client)).toBe('N')
    client.write(sslRequest())
    expect(await answer(client)).toBe('S')
    const secure = await encrypt(client)
    secure.write(startup)
    expect(await outcome).toMatchObject({ encrypted: true })
  })

  it('can cancel through it', async () => {
    const { client, outcome, cancelled } = await serve(true)
    client.write(sslRequest())
    await answer(client)
    const secure = await encrypt(client)
    secure.write(cancelRequest(7, Buffer.alloc(32)))
    expect(await outcome).toMatchObject({ started: null })
    expect(cancelled).toEqual([7])
  })

  it.each<[string, boolean, readonly Buffer[], RegExp]>([
    ['bytes behind the request', true, [Buffer.concat([sslRequest(), startup])], /not encrypted/],
    [
      'bytes behind the request where there is no TLS',
      false,
      [Buffer.concat([sslRequest(), startup])],
      /not encrypted/,
    ],
    ['bytes behind GSS', true, [Buffer.concat([gssencRequest, Buffer.of(0)])], /not encrypted/],
    ['a second SSLRequest', false, [sslRequest(), sslRequest()], /second time/],
    ['a second GSSENCRequest', true, [gssencRequest, gssencRequest], /second time/],
    ['TLS after it was told N', false, [sslRequest(), Buffer.from([0x16, 3, 1])], /not agreed on/],
    ['TLS at once where there is none', false, [Buffer.from([0x16, 3, 1])], /not offered/],
  ])('is refused with %s', async (_what, withTls, pieces, expected) => {
    const { client, outcome } = await serve(withTls)
    for (const [index, piece] of pieces.entries()) {
      if (index > 0) await answer(client)
      client.write(piece)
    }
    expect(await outcome).toEqual({ refused: expect.stringMatching(expected) as unknown })
  })

  it.each([
    ['SSLRequest', sslRequest()],
    ['GSSENCRequest', gssencRequest],
  ])('is refused with a %s inside of TLS', async (_what, request) => {
    const { client, outcome } = await serve(true)
    client.write(sslRequest())
    await answer(client)
    const secure = await encrypt(client)
    secure.write(request)
    expect(await outcome).toEqual({ refused: expect.stringMatching(/inside of TLS/) as unknown })
  })

  it('is let go when it then speaks in clear', async () => {
    const { client, outcome } = await serve(true)
    client.write(sslRequest())
    await answer(client)
    client.write(startup)
    expect(await outcome).toMatchObject({ started: null })
  })

  it('is let go when it does not come to the point', async () => {
    const { client, outcome } = await serve(true, 50)
    client.write(sslRequest())
    await answer(client)
    expect(await outcome).toMatchObject({ started: null })
  })
})

describe('a client that begins with TLS', () => {
  it('is served when it names the protocol', async () => {
    const { client, outcome } = await serve(true)
    const secure = await encrypt(client, { ...trust, ALPNProtocols: ['postgresql'] })
    secure.write(startup)
    expect(await outcome).toMatchObject({ encrypted: true, started: { message: { kind: 'StartupMessage' } } })
  })

  it('is refused when it does not, or names another', async () => {
    const silent = await serve(true)
    await encrypt(silent.client)
    expect(await silent.outcome).toEqual({ refused: expect.stringMatching(/by ALPN/) as unknown })
    server.close()
    const other = await serve(true)
    connectTls({ ...trust, ALPNProtocols: ['http/1.1'], socket: other.client }).on('error', () => undefined)
    expect(await other.outcome).toMatchObject({ started: null })
  })

  it('is refused with a second TLS inside', async () => {
    const { client, outcome } = await serve(true)
    const secure = await encrypt(client, { ...trust, ALPNProtocols: ['postgresql'] })
    secure.write(Buffer.from([0x16, 3, 1, 0, 5]))
    expect(await outcome).toEqual({ refused: expect.stringMatching(/not agreed on/) as unknown })
  })

  it('is no probe', async () => {
    const { client, outcome } = await serve(true)
    const secure = await encrypt(client, { ...trust, ALPNProtocols: ['postgresql'] })
    const said: Buffer[] = []
    secure.on('data', (chunk: Buffer) => said.push(chunk))
    secure.write(probeRequest())
    expect(await outcome).toMatchObject({ started: null })
    if (!secure.destroyed) await once(secure, 'close')
    expect(Buffer.concat(said).toString('latin1')).not.toContain(probeAnswer.toString('latin1'))
  })
})
