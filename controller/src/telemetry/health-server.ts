import { createServer, type Server, type ServerResponse } from 'node:http'
import type { Registry } from 'prom-client'

export interface HealthServerOptions {
  readonly host: string
  readonly port: number
  readonly registry: Registry
  /** What is not ready yet, by name; empty: ready. */
  readonly notReady: () => readonly string[]
  /** What is broken beyond repair by waiting; empty: alive. */
  readonly unhealthy: () => readonly string[]
}

/** Plain HTTP: `/metrics`, `/healthz`, `/readyz`. Resolves when it listens. */
export async function startHealthServer(options: HealthServerOptions): Promise<Server> {
  const server = createServer((request, response) => {
    void answer(options, new URL(request.url ?? '/', 'http://localhost').pathname, response)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, resolve)
  })
  return server
}

async function answer(options: HealthServerOptions, path: string, response: ServerResponse): Promise<void> {
  switch (path) {
    case '/metrics':
      response.setHeader('content-type', options.registry.contentType)
      response.end(await options.registry.metrics())
      return
    case '/healthz':
      report(response, options.unhealthy())
      return
    case '/readyz':
      report(response, options.notReady())
      return
    default:
      response.statusCode = 404
      response.end('not found\n')
  }
}

function report(response: ServerResponse, problems: readonly string[]): void {
  response.statusCode = problems.length === 0 ? 200 : 503
  response.setHeader('content-type', 'text/plain; charset=utf-8')
  response.end(problems.length === 0 ? 'ok\n' : `${problems.map((problem) => `not ok: ${problem}`).join('\n')}\n`)
}
