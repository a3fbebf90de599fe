import { request as requestPlain, type IncomingMessage } from 'node:http'
import { Agent, request as requestTls, type RequestOptions } from 'node:https'
import { KubeConfig } from '@kubernetes/client-node'
import { CliError, exitCodes } from '../cli-error.ts'
import { ClusterError, type ClusterErrorCode } from './errors.ts'
import { listAt, textAt } from './shape.ts'
import { pathOf, rightOf, type Target, type Verb } from './target.ts'

export interface ClusterFlags {
  readonly kubeconfig?: string
  readonly context?: string
}

/** An answer of the API server, whatever its status. */
export interface Answer {
  readonly status: number
  /** Parsed JSON; text where it is none. */
  readonly body: unknown
  /** The header `Date`, Unix milliseconds (whole seconds); null without one. */
  readonly dateMs: number | null
  /** When it was asked and when answered, by {@link Cluster}'s clock. */
  readonly askedMs: number
  readonly answeredMs: number
}

interface Query {
  readonly query?: Readonly<Record<string, string>>
  readonly accept?: string
  readonly body?: unknown
}

const timeoutMs = 15_000
const pageSize = 500

/**
 * The API server as the user of the kubeconfig, or, without one, as the ServiceAccount of the pod this runs in. One pool of connections;
 * every request has a time-out, which the library does not know.
 */
export class Cluster {
  readonly #config: KubeConfig
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8 })
  readonly #nowMs: () => number

  private constructor(config: KubeConfig, nowMs: () => number) {
    this.#config = config
    this.#nowMs = nowMs
  }

  /**
   * @param nowMs  Unix milliseconds.
   * @throws CliError `no-cluster` where no configuration names one.
   */
  static open(flags: ClusterFlags, nowMs: () => number): Cluster {
    const config = new KubeConfig()
    try {
      if (flags.kubeconfig !== undefined) config.loadFromFile(flags.kubeconfig)
      else config.loadFromDefault()
      if (flags.context !== undefined) config.setCurrentContext(flags.context)
    } catch (cause) {
      throw new CliError('no-cluster', 'the kubeconfig cannot be read', exitCodes.unusable, { cause })
    }
    const server = config.getCurrentCluster()?.server
    if (server === undefined) throw new CliError('no-cluster', 'the kubeconfig names no cluster', exitCodes.unusable)
    // What the library falls back to.
    if (server === 'http://localhost:8080')
      throw new CliError('no-cluster', 'there is no kubeconfig; name one with --kubeconfig', exitCodes.unusable)
    return new Cluster(config, nowMs)
  }

  /** URL of the API server, without what might be secret in it. */
  get server(): string {
    const url = this.#url('')
    return `${url.protocol}//${url.host}${url.pathname.replace(/\/$/, '')}`
  }

  /** One object. @throws ClusterError */
  async get(target: Target, query?: Query): Promise<unknown> {
    return (await this.#demand('get', target, query)).body
  }

  /** One object; null where there is none, or no such kind. @throws ClusterError */
  async find(target: Target): Promise<unknown> {
    const answer = await this.#send('GET', pathOf(target))
    return answer.status === 404 ? null : usable(answer, 'get', target).body
  }

  /** Every object of a collection, a page at a time. @throws ClusterError */
  async *list(target: Target, query: Query = {}): AsyncGenerator {
    let next = ''
    do {
      const page = await this.#demand('list', target, {
        ...query,
        query: { ...query.query, limit: String(pageSize), ...(next === '' ? {} : { continue: next }) },
      })
      yield* listAt(page.body, 'items')
      next = textAt(page.body, 'metadata', 'continue')
    } while (next !== '')
  }

  /** Asks the API server to do everything of a creation but the storing. The answer may be a refusal. @throws ClusterError `unreachable` */
  dryRunCreate(target: Target, body: object): Promise<Answer> {
    return this.#send('POST', pathOf(target), { query: { dryRun: 'All' }, body })
  }

  /** @returns false where it was gone already. @throws ClusterError */
  async delete(target: Target): Promise<boolean> {
    const answer = await this.#send('DELETE', pathOf(target))
    if (answer.status === 404) return false
    usable(answer, 'delete', target)
    return true
  }

  /** The whole answer to a GET that must succeed. @throws ClusterError */
  read(target: Target, query?: Query): Promise<Answer> {
    return this.#demand('get', target, query)
  }

  /** A path that belongs to no resource, such as `/version`. @throws ClusterError */
  async raw(path: string): Promise<Answer> {
    const answer = await this.#send('GET', path)
    if (answer.status === 200) return answer
    throw errorOf(answer, `GET ${path}`)
  }

  close(): void {
    this.#agent.destroy()
  }

  async #demand(verb: Verb, target: Target, query?: Query): Promise<Answer> {
    return usable(await this.#send('GET', pathOf(target), query), verb, target)
  }

  #url(path: string): URL {
    return new URL((this.#config.getCurrentCluster()?.server ?? '').replace(/\/+$/, '') + path)
  }

  async #send(method: string, path: string, { query = {}, accept, body }: Query = {}): Promise<Answer> {
    const url = this.#url(path)
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
    const options: RequestOptions = { method, signal: AbortSignal.timeout(timeoutMs) }
    const what = `${method} ${path}`
    try {
      await this.#config.applyToHTTPSOptions(options)
      // The library's own agent knows the way through a proxy; without one ours keeps the connection.
      const isDirect = this.#config.getCurrentCluster()?.proxyUrl === undefined && url.protocol === 'https:'
      if (isDirect) options.agent = this.#agent
      const headers = {
        accept: accept ?? 'application/json',
        'user-agent': 'sallyport',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      }
      options.headers = Object.assign(options.headers ?? {}, headers)
      const askedMs = this.#nowMs()
      const response = await exchange(url, options, body === undefined ? undefined : JSON.stringify(body))
      const answeredMs = this.#nowMs()
      const text = await readText(response)
      const dateMs = Date.parse(response.headers.date ?? '')
      return {
        status: response.statusCode ?? 0,
        body: parseJson(text),
        dateMs: Number.isNaN(dateMs) ? null : dateMs,
        askedMs,
        answeredMs,
      }
    } catch (cause) {
      throw new ClusterError('unreachable', `${what}: ${reasonOf(cause)}`, {}, { cause })
    }
  }
}

function exchange(url: URL, options: RequestOptions, body: string | undefined): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const call = (url.protocol === 'http:' ? requestPlain : requestTls)(url, options, resolve)
  call.on('error', reject)
  call.end(body)
  return promise
}

async function readText(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += String(chunk)
  return text
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function usable(answer: Answer, verb: Verb, target: Target): Answer {
  if (answer.status >= 200 && answer.status < 300) return answer
  const right = rightOf(verb, target)
  throw errorOf(answer, right.replace('kubectl auth can-i ', ''), right)
}

function errorOf(answer: Answer, what: string, right?: string): ClusterError {
  const said = messageOf(answer)
  const known = { status: answer.status, ...(right === undefined ? {} : { right }) }
  return new ClusterError(codeOf(answer.status), `${what}: ${answer.status} ${said}`, known)
}

/** The sentence of a refusal. */
export function messageOf(answer: Answer): string {
  const said = typeof answer.body === 'string' ? answer.body : textAt(answer.body, 'message')
  return said.trim().slice(0, 500)
}

function codeOf(status: number): ClusterErrorCode {
  const table: Readonly<Record<number, ClusterErrorCode>> = {
    401: 'unauthorized',
    403: 'missing-right',
    404: 'not-found',
  }
  return table[status] ?? 'refused'
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return 'no answer'
  if (cause.name === 'TimeoutError' || cause.name === 'AbortError') return `no answer within ${timeoutMs / 1000} s`
  // Several addresses were tried; each failure is in `errors`, and the message is empty.
  if (cause instanceof AggregateError) return cause.errors.map(reasonOf).join('; ')
  return cause.message
}
