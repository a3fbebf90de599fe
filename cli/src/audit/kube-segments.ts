import { request } from 'node:https'
import { request as requestPlain, type IncomingMessage } from 'node:http'
import { KubeConfig } from '@kubernetes/client-node'
import { CliError, exitCodes } from '../cli-error.ts'
import { parseSegment } from './parse-segments.ts'
import type { NamedSegment } from './verify-log.ts'

export interface KubeFlags {
  readonly kubeconfig?: string
  readonly context?: string
  readonly namespace: string
}

/** AuditSegments of one namespace, read as the user of the kubeconfig. */
export class KubeSegments {
  readonly #config = new KubeConfig()
  readonly #path: string

  /** @throws CliError `no-cluster` where there is no configuration for one. */
  constructor(flags: KubeFlags) {
    try {
      if (flags.kubeconfig === undefined) this.#config.loadFromDefault()
      else this.#config.loadFromFile(flags.kubeconfig)
      if (flags.context !== undefined) this.#config.setCurrentContext(flags.context)
    } catch (cause) {
      throw new CliError('no-cluster', 'the kubeconfig cannot be read', exitCodes.unusable, { cause })
    }
    this.#path = `/apis/sallyport.dev/v1alpha1/namespaces/${encodeURIComponent(flags.namespace)}/auditsegments`
  }

  /** Every segment, a few at a time: each carries its body. @returns the resource version to watch from. */
  async *list(): AsyncGenerator<NamedSegment, string> {
    let next = ''
    for (;;) {
      const page = await this.#get(
        `${this.#path}?limit=20${next === '' ? '' : `&continue=${encodeURIComponent(next)}`}`,
      )
      for (const item of readArray(page, 'items')) {
        const segment = parseSegment(item)
        if (segment) yield segment
      }
      const metadata = readObject(page, 'metadata')
      next = readText(metadata, 'continue')
      if (next === '') return readText(metadata, 'resourceVersion')
    }
  }

  /** Segments made after `resourceVersion`, until the signal; a watch that ends is begun again. */
  async *watch(resourceVersion: string, signal: AbortSignal): AsyncGenerator<NamedSegment> {
    let version = resourceVersion
    while (!signal.aborted) {
      const query = `watch=1&allowWatchBookmarks=true&resourceVersion=${encodeURIComponent(version)}`
      const response = await this.#send(`${this.#path}?${query}`, signal)
      for await (const line of linesOf(response)) {
        const event: unknown = JSON.parse(line)
        const object = readObject(event, 'object')
        if (readText(event, 'type') === 'ERROR') {
          throw new CliError('cluster-refused', `the watch ended: ${readText(object, 'message')}`, exitCodes.failed)
        }
        version = readText(readObject(object, 'metadata'), 'resourceVersion') || version
        const segment = readText(event, 'type') === 'ADDED' ? parseSegment(object) : null
        if (segment) yield segment
      }
    }
  }

  async #get(path: string): Promise<unknown> {
    const response = await this.#send(path)
    let text = ''
    for await (const chunk of response.setEncoding('utf8')) text += String(chunk)
    return JSON.parse(text)
  }

  async #send(path: string, signal?: AbortSignal): Promise<IncomingMessage> {
    const cluster = this.#config.getCurrentCluster()
    if (!cluster) throw new CliError('no-cluster', 'the kubeconfig names no cluster', exitCodes.unusable)
    const url = new URL(cluster.server.replace(/\/$/, '') + path)
    const options = { headers: { accept: 'application/json' }, ...(signal ? { signal } : {}) }
    await this.#config.applyToHTTPSOptions(options)
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const call = (url.protocol === 'http:' ? requestPlain : request)(url, options, resolve)
    call.on('error', (cause) => {
      reject(
        new CliError('no-cluster', `the API server cannot be reached: ${cause.message}`, exitCodes.failed, { cause }),
      )
    })
    call.end()
    const response = await promise
    if (response.statusCode === 200) return response
    let text = ''
    for await (const chunk of response.setEncoding('utf8')) text += String(chunk)
    throw new CliError(
      'cluster-refused',
      `the API server answers ${response.statusCode ?? 0}: ${statusMessage(text)}`,
      exitCodes.failed,
    )
  }
}

async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of response.setEncoding('utf8')) {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}

function statusMessage(text: string): string {
  try {
    return readText(JSON.parse(text), 'message')
  } catch {
    return text.slice(0, 200)
  }
}

function readObject(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
}

function readText(value: unknown, key: string): string {
  const found = readObject(value, key)
  return typeof found === 'string' ? found : ''
}

function readArray(value: unknown, key: string): readonly unknown[] {
  const found = readObject(value, key)
  return Array.isArray(found) ? found : []
}
