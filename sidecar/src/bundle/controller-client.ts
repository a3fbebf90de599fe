import { readFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import type { Logger } from 'pino'
import { digestOfBytes, type AuditAck, type AuditBatch, type SidecarStatus } from '@sallyport/crds'
import { BundleError } from './bundle-error.ts'

export interface ControllerClientOptions {
  /** `https://host:port`. */
  readonly controllerUrl: string
  /** PEM of the authorities to trust; nothing else is. */
  readonly ca: string
  /** Read again for every request: kubelet rotates it. */
  readonly tokenFile: string
  readonly log: Logger
  readonly timeoutMs?: number
}

/** The controller's server for sidecars: one pinned TLS, one token. All failures are BundleErrors. */
export class ControllerClient {
  readonly #options: ControllerClientOptions
  #ca: string
  #agent: Agent

  constructor(options: ControllerClientOptions) {
    this.#options = options
    this.#ca = options.ca
    this.#agent = newAgent(options.ca)
  }

  /** Trusts `ca` from the next connection on. */
  updateCa(ca: string): void {
    if (ca === this.#ca) return
    this.#ca = ca
    // The old agent is not destroyed: the stream that brought the new authorities runs on it.
    this.#agent = newAgent(ca)
    this.#options.log.info('the controller named the authorities it is trusted by from now on')
  }

  /** Opens `GET /v1/stream`. */
  openStream(signal: AbortSignal): Promise<IncomingMessage> {
    return this.#send({ method: 'GET', path: '/v1/stream', signal })
  }

  /** The module with this digest (`sha256:<hex>`), verified. */
  async fetchPolicy(digest: string, signal: AbortSignal): Promise<Uint8Array> {
    const path = `/v1/policies/${digest.replace(/^sha256:/, '')}`
    const wasm = await this.#exchange({ method: 'GET', path, signal }, maxPolicyBytes)
    if (digestOfBytes(wasm) !== digest)
      throw new BundleError('digest-mismatch', `the policy is not the one of ${digest}`)
    return wasm
  }

  async postAudit(batch: AuditBatch): Promise<AuditAck> {
    return parseAck(
      await this.#exchange({ method: 'POST', path: '/v1/audit', body: JSON.stringify(batch) }, maxAnswerBytes),
    )
  }

  async postStatus(status: SidecarStatus): Promise<void> {
    await this.#exchange({ method: 'POST', path: '/v1/status', body: JSON.stringify(status) }, maxAnswerBytes)
  }

  /** Closes idle and running connections. */
  close(): void {
    this.#agent.destroy()
  }

  async #exchange(call: Call, maxBytes: number): Promise<Buffer> {
    const response = await this.#send(call)
    return readBody(response, maxBytes)
  }

  /** Resolves with a 2xx response whose body is not read yet. */
  async #send({ method, path, body, signal }: Call): Promise<IncomingMessage> {
    const token = (await readToken(this.#options.tokenFile)).trim()
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const headers: Record<string, string | number> = { authorization: `Bearer ${token}`, accept: '*/*' }
    if (body !== undefined) {
      headers['content-type'] = 'application/json'
      headers['content-length'] = Buffer.byteLength(body)
    }
    const timeoutMs = this.#options.timeoutMs ?? 10_000
    const url = new URL(path, this.#options.controllerUrl)
    const call = request(url, {
      method,
      headers,
      agent: this.#agent,
      timeout: timeoutMs,
      ...(signal ? { signal } : {}),
    })
    call.on('timeout', () => call.destroy(new BundleError('timeout', `the controller did not answer ${path} in time`)))
    call.on('error', (cause) => reject(cause instanceof BundleError ? cause : unreachable(cause)))
    call.on('response', (response) => {
      const status = response.statusCode ?? 0
      if (status >= 200 && status < 300) {
        resolve(response)
        return
      }
      response.resume()
      reject(new BundleError('refused', `the controller answered ${path} with ${status}`))
    })
    call.end(body)
    return promise
  }
}

interface Call {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: string
  readonly signal?: AbortSignal
}

const maxPolicyBytes = 16 << 20
const maxAnswerBytes = 64 << 10

function newAgent(ca: string): Agent {
  return new Agent({ ca, keepAlive: true, minVersion: 'TLSv1.2', scheduling: 'lifo' })
}

function unreachable(cause: Error): BundleError {
  return new BundleError('unreachable', 'the controller cannot be reached', { cause })
}

async function readToken(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new BundleError('unreachable', 'the token of the pod cannot be read', { cause })
  }
}

async function readBody(response: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of response) {
      const buffer: Buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk))
      bytes += buffer.length
      if (bytes > maxBytes)
        throw new BundleError('oversized', `the controller's answer is larger than ${maxBytes} bytes`)
      chunks.push(buffer)
    }
  } catch (cause) {
    throw cause instanceof BundleError ? cause : new BundleError('unreachable', 'the connection broke', { cause })
  }
  return Buffer.concat(chunks)
}

function parseAck(body: Buffer): AuditAck {
  let value: unknown
  try {
    value = JSON.parse(body.toString('utf8'))
  } catch (cause) {
    throw new BundleError('malformed', 'the acknowledgement is not JSON', { cause })
  }
  if (typeof value === 'object' && value !== null && 'acknowledgedSeq' in value) {
    const { acknowledgedSeq } = value
    const acceptedSeq = 'acceptedSeq' in value ? value.acceptedSeq : undefined
    if (isSeq(acknowledgedSeq) && acceptedSeq === undefined) return { acknowledgedSeq }
    if (isSeq(acknowledgedSeq) && isSeq(acceptedSeq)) return { acknowledgedSeq, acceptedSeq }
  }
  throw new BundleError('malformed', 'the acknowledgement has no acknowledgedSeq')
}

function isSeq(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
