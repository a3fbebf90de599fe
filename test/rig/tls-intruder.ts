import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { connect as connectTls, createSecureContext, TLSSocket } from 'node:tls'
import { sslRequest } from '../../sidecar/src/wire/postgres/encode.ts'

export interface Intruder {
  readonly port: number
  readonly stop: () => Promise<void>
}

/** Somebody between a client and a PostgreSQL who shows a certificate of his own, and passes everything on, encrypted again. */
export async function startIntruder(
  port: number,
  certificate: { readonly cert: string; readonly key: string },
): Promise<Intruder> {
  const secureContext = createSecureContext(certificate)
  const server = createServer({ pauseOnConnect: true }, (client) => {
    void relay(client, port, secureContext).catch(() => client.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      server.close()
      await once(server, 'close')
    },
  }
}

async function relay(
  client: Socket,
  port: number,
  secureContext: ReturnType<typeof createSecureContext>,
): Promise<void> {
  const towards = connect(port, '127.0.0.1')
  towards.write(sslRequest())
  await once(towards, 'data')
  const server = connectTls({ socket: towards, rejectUnauthorized: false })
  client.resume()
  await once(client, 'data')
  client.pause()
  client.write('S')
  const secure = new TLSSocket(client, { isServer: true, secureContext })
  for (const [from, to] of [[secure, server] as const, [server, secure] as const]) {
    from.on('error', () => to.destroy())
    from.on('close', () => to.destroy())
    from.pipe(to)
  }
}
