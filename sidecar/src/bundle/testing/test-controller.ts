import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { digestOfBytes, type Snapshot } from '@sallyport/crds'
import type { TestCertificate } from './certificates.ts'

/** A server that speaks the controller's side of the stream as a test tells it to. */
export class TestController {
  readonly #server: Server
  readonly #waiting: ((stream: ServerResponse) => void)[] = []
  readonly #streams: ServerResponse[] = []
  readonly policies = new Map<string, Uint8Array>()
  readonly tokens: string[] = []
  readonly posts: { readonly path: string; readonly body: unknown }[] = []
  /** Answered instead, as often as there are entries. */
  readonly refusals: number[] = []
  audit: string | Record<string, unknown> = { acknowledgedSeq: 1 }
  policyRequests = 0

  constructor(certificate: TestCertificate) {
    this.#server = createServer({ cert: certificate.cert, key: certificate.key }, (request, response) => {
      void this.#answer(request, response)
    })
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return this.url
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** The next stream a sidecar opens. */
  stream(): Promise<ServerResponse> {
    const opened = this.#streams.shift()
    if (opened) return Promise.resolve(opened)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  addPolicy(text: string): string {
    const digest = digestOfBytes(text)
    this.policies.set(digest, Buffer.from(text))
    return digest
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  useCertificate(certificate: TestCertificate): void {
    this.#server.setSecureContext({ cert: certificate.cert, key: certificate.key })
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.tokens.push(request.headers.authorization ?? '')
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const refusal = this.refusals.shift()
    if (refusal !== undefined) {
      response.writeHead(refusal).end()
    } else if (request.url === '/v1/stream') {
      response.writeHead(200).flushHeaders()
      const waiting = this.#waiting.shift()
      if (waiting) waiting(response)
      else this.#streams.push(response)
    } else if (request.url?.startsWith('/v1/policies/')) {
      this.policyRequests += 1
      const wasm = this.policies.get(`sha256:${request.url.slice('/v1/policies/'.length)}`)
      if (wasm) response.end(wasm)
      else response.writeHead(404).end()
    } else {
      this.posts.push({ path: request.url ?? '', body: JSON.parse(body) as unknown })
      response.end(typeof this.audit === 'string' ? this.audit : JSON.stringify(this.audit))
    }
  }
}

export function testSnapshot(content: Partial<Snapshot> = {}): Snapshot {
  return {
    kind: 'Snapshot',
    revision: `sha256:${'0'.repeat(64)}`,
    unixMs: Date.now(),
    subject: {
      namespace: 'agents',
      serviceAccount: 'report',
      pod: 'report-1',
      podUID: 'uid-1',
      labels: { app: 'report' },
    },
    databases: [
      {
        namespace: 'agents',
        name: 'orders',
        engine: 'PostgreSQL',
        host: 'db',
        port: 5432,
        localPort: 15432,
        databases: ['orders'],
        tls: { mode: 'Disable' },
        credentials: null,
        sensitive: [],
        hashKey: Buffer.alloc(32).toString('base64'),
        audit: { durability: 'Process', literals: 'Redacted' },
      },
    ],
    grants: [],
    policies: [],
    ...content,
  }
}

export function testGrant(name: string, expiresAtMs: number): Snapshot['grants'][number] {
  return {
    namespace: 'agents',
    name,
    uid: `uid-${name}`,
    revision: `sha256:${'1'.repeat(64)}`,
    database: { namespace: 'agents', name: 'orders' },
    activatedAtMs: 1,
    expiresAtMs,
    reason: 'test',
    permissions: [{ operations: ['Select'], relations: ['public.orders'] }],
    functions: [],
    catalog: 'Introspect',
    limits: {},
  }
}
