import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { AuditAck, AuditBatch, SidecarStatus, Subject } from '@sallyport/crds'
import type { Logger } from 'pino'
import { CollectorError } from '../audit/errors.ts'
import { KubeError } from '../kube/errors.ts'
import type { Sidecar } from './authenticate-sidecar.ts'
import { BundleError, type BundleErrorCode } from './errors.ts'
import { parseAuditBatch, parseSidecarStatus } from './parse-messages.ts'
import { SidecarStream } from './sidecar-stream.ts'
import type { StreamHub } from './stream-hub.ts'

export interface ServingCertificate {
  /** PEM, the chain. */
  readonly cert: string
  /** PEM. */
  readonly key: string
}

export interface StreamServerOptions {
  readonly host: string
  readonly port: number
  readonly certificate: ServingCertificate
  /** From the request's Authorization and the address it comes from. */
  readonly authenticate: (authorization: string | undefined, remoteAddress: string | undefined) => Promise<Sidecar>
  readonly hub: StreamHub
  /** Bytes of a compiled policy by digest `sha256:…`. */
  readonly policy: (digest: string) => Uint8Array | undefined
  /** @returns what is safe. */
  readonly audit: (batch: AuditBatch) => Promise<AuditAck>
  /** How far a source has come, 0 where it is unknown: told where a batch does not continue it. */
  readonly acknowledgedSeq: (source: string) => number
  readonly report: (subject: Subject, status: SidecarStatus) => void
  readonly onSlow: () => void
  readonly log: Logger
  readonly maxStallMs?: number
}

export interface StreamServer {
  readonly port: number
  /** New connections get this certificate. */
  readonly renew: (certificate: ServingCertificate) => void
  /** Takes no new connections, ends the streams, waits for requests in flight, at most so long. */
  readonly close: (maxWaitMs: number) => Promise<void>
}

/** Serves sidecars over TLS 1.3. Resolves when it listens. */
export async function startStreamServer(options: StreamServerOptions): Promise<StreamServer> {
  const server = createServer(
    { ...options.certificate, minVersion: 'TLSv1.3', keepAliveTimeout: 95_000, requestTimeout: 30_000 },
    (request, response) => {
      void handle(options, request, response)
    },
  )
  // A sidecar that dies without a word is found by TCP, not by waiting for it to read.
  server.on('secureConnection', (socket) => socket.setKeepAlive(true, 15_000).setNoDelay(true))
  server.on('tlsClientError', (err: Error) => options.log.debug({ err }, 'a TLS handshake failed'))
  await listen(server, options.host, options.port)
  return {
    port: addressOf(server).port,
    renew: (certificate) => server.setSecureContext({ ...certificate, minVersion: 'TLSv1.3' }),
    close: (maxWaitMs) => close(server, options.hub, maxWaitMs),
  }
}

async function handle(options: StreamServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const sidecar = await options.authenticate(request.headers.authorization, request.socket.remoteAddress)
    await route(options, sidecar, request, response)
  } catch (error) {
    refuse(options, error, request, response)
  }
}

async function route(
  options: StreamServerOptions,
  sidecar: Sidecar,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = new URL(request.url ?? '/', 'https://localhost').pathname
  const digest = /^\/v1\/policies\/([0-9a-f]{64})$/.exec(path)?.[1]
  const what = digest === undefined ? `${request.method ?? ''} ${path}` : `${request.method ?? ''} /v1/policies`
  switch (what) {
    case 'GET /v1/stream':
      openStream(options, sidecar, response)
      return
    case 'GET /v1/policies':
      sendPolicy(options, digest ?? '', response)
      return
    case 'POST /v1/audit':
      await takeAudit(options, sidecar.subject, request, response)
      return
    case 'POST /v1/status':
      options.report(sidecar.subject, parseSidecarStatus(await readJson(request, 256 * 1024)))
      response.writeHead(204).end()
      return
    default:
      throw new BundleError('not-found', `there is no ${request.method ?? ''} ${path}`)
  }
}

function openStream(options: StreamServerOptions, sidecar: Sidecar, response: ServerResponse): void {
  if (sidecar.isTerminating) throw new BundleError('forbidden', 'the pod is being deleted')
  response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' })
  const stream: SidecarStream = new SidecarStream({
    response,
    subject: sidecar.subject,
    maxStallMs: options.maxStallMs ?? 15_000,
    onClose: (isSlow) => {
      if (isSlow) options.onSlow()
      options.hub.delete(stream)
    },
  })
  options.hub.add(stream)
}

function sendPolicy(options: StreamServerOptions, digest: string, response: ServerResponse): void {
  const wasm = options.policy(`sha256:${digest}`)
  if (!wasm) throw new BundleError('not-found', 'there is no compiled policy of this digest')
  response.writeHead(200, {
    'content-type': 'application/wasm',
    'content-length': wasm.byteLength,
    'cache-control': 'immutable, max-age=31536000',
  })
  response.end(wasm)
}

async function takeAudit(
  options: StreamServerOptions,
  subject: Subject,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const batch = parseAuditBatch(await readJson(request, 8 * 1024 * 1024))
  if (
    !batch.source.startsWith(`${subject.podUID}/`) ||
    batch.namespace !== subject.namespace ||
    batch.pod !== subject.pod
  ) {
    throw new BundleError('forbidden', 'the batch is from another pod than the token')
  }
  try {
    sendJson(response, 200, await options.audit(batch))
  } catch (error) {
    if (!(error instanceof CollectorError)) throw error
    const status = { gap: 409, refused: 422, full: 503, closed: 503, corrupt: 500 }[error.code]
    const acknowledgedSeq = options.acknowledgedSeq(batch.source)
    sendJson(response, status, { error: error.code, message: error.message, acknowledgedSeq })
  }
}

async function readJson(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) continue
    bytes += chunk.length
    if (bytes > maxBytes) throw new BundleError('too-large', `the body is larger than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch (cause) {
    throw new BundleError('bad-request', 'the body is not JSON', { cause })
  }
}

const statusOf: Readonly<Record<BundleErrorCode, number>> = {
  unauthenticated: 401,
  forbidden: 403,
  'bad-request': 400,
  'too-large': 413,
  'not-found': 404,
  busy: 503,
}

function refuse(
  options: StreamServerOptions,
  error: unknown,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const path = request.url ?? ''
  if (error instanceof BundleError) {
    options.log.info({ path, code: error.code, reason: error.message }, 'a sidecar was refused')
    sendJson(response, statusOf[error.code], { error: error.code, message: error.message })
    return
  }
  options.log.error({ err: error, path }, 'a request of a sidecar failed')
  const isKube = error instanceof KubeError
  sendJson(response, isKube ? 503 : 500, {
    error: isKube ? 'api-server-unavailable' : 'internal',
    message: 'try again',
  })
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function addressOf(server: Server): AddressInfo {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new BundleError('busy', 'the server does not listen')
  return address
}

async function close(server: Server, hub: StreamHub, maxWaitMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve())
  })
  hub.close()
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), maxWaitMs)
  await closed
  clearTimeout(timer)
}
