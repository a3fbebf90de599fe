import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import { destination, pino, type Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { ListenAddress } from './config.ts'

/** JSON lines on stderr. Statements, rows and secrets are never passed to it. */
export function createLogger(level: string): Logger {
  return pino(
    {
      level,
      base: { component: 'sidecar' },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination({ dest: 2, sync: true }),
  )
}

/** /healthz: the process runs; /readyz: policies are loaded, listeners open, identity proven; /metrics. */
export async function serveHealth(address: ListenAddress, registry: Registry, isReady: () => boolean): Promise<Server> {
  const server = createServer((request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return response.writeHead(405, { allow: 'GET, HEAD' }).end()
    if (request.url === '/healthz') return response.end('ok\n')
    if (request.url === '/readyz') {
      response.statusCode = isReady() ? 200 : 503
      return response.end(isReady() ? 'ok\n' : 'not ready\n')
    }
    if (request.url !== '/metrics') {
      response.statusCode = 404
      return response.end()
    }
    registry.metrics().then(
      (text) => response.setHeader('content-type', registry.contentType).end(text),
      () => response.writeHead(500).end(),
    )
    return response
  })
  server.listen(address.port, address.host)
  await once(server, 'listening')
  return server
}
