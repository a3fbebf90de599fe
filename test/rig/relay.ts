import { once } from 'node:events'
import { createServer, request as requestPlain, type IncomingHttpHeaders } from 'node:http'
import { request as requestTls } from 'node:https'
import type { AddressInfo } from 'node:net'

export interface Relay {
  readonly port: number
  readonly stop: () => Promise<void>
}

export interface RelayOptions {
  /** Base URL of the server behind it. A certificate is not verified. */
  readonly to: string
  readonly host?: string
  /** How far ahead of the real one the clock is that answers tell. */
  readonly aheadMs?: () => number
}

/** A server in front of another that passes everything on and tells another time. */
export async function startRelay({ to, host = '127.0.0.1', aheadMs = () => 0 }: RelayOptions): Promise<Relay> {
  const server = createServer((incoming, outgoing) => {
    const url = new URL(incoming.url ?? '/', to)
    const send = url.protocol === 'https:' ? requestTls : requestPlain
    const headers = { ...incoming.headers, host: url.host }
    const sent = send(url, { method: incoming.method ?? 'GET', headers, rejectUnauthorized: false }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, withClock(answer.headers, aheadMs()))
      answer.pipe(outgoing)
    })
    sent.on('error', () => outgoing.writeHead(502).end())
    incoming.pipe(sent)
  })
  server.listen(0, host)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function withClock(headers: IncomingHttpHeaders, aheadMs: number): IncomingHttpHeaders {
  return { ...headers, date: new Date(Date.now() + aheadMs).toUTCString() }
}
