import { createInterface } from 'node:readline'
import { request as send, type Dispatcher } from 'undici'
import { errorFromResponse, KubeError } from './errors.ts'
import type { PooledKubeConfig } from './kube-config.ts'

export interface KubeRequest {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  /** Absolute path, e.g. `/api/v1/namespaces/a/pods/b`. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly body?: unknown
  readonly contentType?: string
  readonly accept?: string
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** Who owns the fields this program writes. */
export const fieldManager = 'sallyport-controller'

/** Server-side apply; JSON is YAML. */
export const applyPatchType = 'application/apply-patch+yaml'

/**
 * JSON over the API server's REST interface. The library's typed models turn times into Dates in lists and strings in
 * watches and default to the wrong patch type, so objects stay plain JSON here.
 */
export class KubeClient {
  readonly config: PooledKubeConfig
  readonly #timeoutMs: number

  constructor(config: PooledKubeConfig, timeoutMs = 15_000) {
    this.config = config
    this.#timeoutMs = timeoutMs
  }

  /**
   * Sends one request.
   * @returns the parsed body.
   * @throws KubeError on any answer but 2xx, none in time, or a body that is not JSON.
   */
  async request(request: KubeRequest): Promise<unknown> {
    const what = describe(request)
    const timeout = AbortSignal.timeout(request.timeoutMs ?? this.#timeoutMs)
    const signal = request.signal ? AbortSignal.any([timeout, request.signal]) : timeout
    const response = await this.#send(request, signal, what)
    const text = await response.body.text().catch((cause: unknown) => {
      throw new KubeError('unreachable', `${what}: the answer broke off`, null, null, { cause })
    })
    if (response.statusCode >= 300) {
      throw errorFromResponse(response.statusCode, text, headerOf(response, 'retry-after'), what)
    }
    try {
      return JSON.parse(text)
    } catch (cause) {
      throw new KubeError('malformed', `${what}: the answer is not JSON`, response.statusCode, null, { cause })
    }
  }

  /**
   * Server-side apply of the fields in `body`, conflicts decided for us.
   * @param options.manager  who owns the fields from then on.
   */
  apply(path: string, body: unknown, { manager = fieldManager }: { readonly manager?: string } = {}): Promise<unknown> {
    const query = { fieldManager: manager, force: true }
    return this.request({ method: 'PATCH', path, query, body, contentType: applyPatchType })
  }

  /**
   * One watch: yields each line's parsed JSON until the server ends it.
   * @param idleMs  without a byte (bookmarks come about once a minute) for so long the connection counts as lost.
   * @throws KubeError when it is refused, breaks off or falls silent.
   */
  async *watch(request: KubeRequest, idleMs: number): AsyncGenerator {
    const what = describe(request)
    const response = await this.#send(request, request.signal, what, idleMs)
    if (response.statusCode !== 200) {
      const text = await response.body.text().catch(() => '')
      throw errorFromResponse(response.statusCode, text, headerOf(response, 'retry-after'), what)
    }
    const lines = createInterface({ input: response.body, crlfDelay: Infinity })
    try {
      for await (const line of lines) if (line !== '') yield parseLine(line, what)
    } catch (cause) {
      if (cause instanceof KubeError) throw cause
      throw new KubeError('unreachable', `${what}: the watch broke off`, null, null, { cause })
    } finally {
      lines.close()
      response.body.destroy()
    }
  }

  async #send(
    request: KubeRequest,
    signal: AbortSignal | undefined,
    what: string,
    idleMs = 0,
  ): Promise<Dispatcher.ResponseData> {
    const { headers, agent } = await this.config.credentials()
    const url = new URL(this.config.server + request.path)
    for (const [name, value] of Object.entries(request.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value))
    }
    try {
      return await send(url, {
        dispatcher: agent,
        method: request.method ?? 'GET',
        headers: {
          ...headers,
          accept: request.accept ?? 'application/json',
          'user-agent': fieldManager,
          ...(request.body === undefined ? {} : { 'content-type': request.contentType ?? 'application/json' }),
        },
        bodyTimeout: idleMs,
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
        ...(signal ? { signal } : {}),
      })
    } catch (cause) {
      const code = cause instanceof Error && cause.name === 'TimeoutError' ? 'timeout' : 'unreachable'
      throw new KubeError(code, `${what}: no answer`, null, null, { cause })
    }
  }
}

function describe(request: KubeRequest): string {
  return `${request.method ?? 'GET'} ${request.path}`
}

function headerOf(response: Dispatcher.ResponseData, name: string): string | undefined {
  const value = response.headers[name]
  return Array.isArray(value) ? value[0] : value
}

function parseLine(line: string, what: string): unknown {
  try {
    return JSON.parse(line)
  } catch (cause) {
    throw new KubeError('malformed', `${what}: a watch event is not JSON`, null, null, { cause })
  }
}
