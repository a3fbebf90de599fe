import { readFileSync } from 'node:fs'
import type { RequestOptions } from 'node:https'
import {
  createConfiguration,
  KubeConfig,
  ServerConfiguration,
  type ApiConstructor,
  type ApiType,
  type RequestContext,
  type ResponseContext,
} from '@kubernetes/client-node'
import { Agent } from 'undici'
import { KubeError } from './errors.ts'

export interface KubeConfigSource {
  readonly kubeconfig?: string
  readonly server?: string
  readonly caFile?: string
  /** Bearer token, read again every minute. */
  readonly tokenFile?: string
}

/**
 * A KubeConfig whose clients share one connection pool and never wait for ever. The library opens an Agent, and so a
 * TCP connection, for every request, and knows no time-out.
 */
export class PooledKubeConfig extends KubeConfig {
  #agent: { readonly key: string; readonly agent: Agent } | null = null
  readonly #timeoutMs: number

  constructor(timeoutMs = 15_000) {
    super()
    this.#timeoutMs = timeoutMs
  }

  /** URL of the API server without a trailing slash. */
  get server(): string {
    const cluster = this.getCurrentCluster()
    if (!cluster) throw new KubeError('invalid', 'the configuration names no cluster')
    return cluster.server.replace(/\/+$/, '')
  }

  override async applySecurityAuthentication(context: RequestContext): Promise<void> {
    const { headers, agent } = await this.credentials()
    for (const [name, value] of Object.entries(headers)) context.setHeaderParam(name, value)
    context.setDispatcher(agent)
  }

  override makeApiClient<T extends ApiType>(type: ApiConstructor<T>): T {
    const timeoutMs = this.#timeoutMs
    return new type(
      createConfiguration({
        baseServer: new ServerConfiguration(this.server, {}),
        authMethods: { default: this },
        promiseMiddleware: [
          {
            pre: (context: RequestContext) => {
              context.setHeaderParam('User-Agent', 'sallyport-controller')
              if (!context.getSignal()) context.setSignal(AbortSignal.timeout(timeoutMs))
              return Promise.resolve(context)
            },
            post: (context: ResponseContext) => Promise.resolve(context),
          },
        ],
      }),
    )
  }

  /** Authentication headers and the shared pool; the pool is replaced when CA or client certificate change. */
  async credentials(): Promise<{ readonly headers: Readonly<Record<string, string>>; readonly agent: Agent }> {
    const options: RequestOptions = {}
    await this.applyToHTTPSOptions(options)
    const headers: Record<string, string> = {}
    for (const [name, value] of Object.entries(options.headers ?? {}))
      if (typeof value === 'string') headers[name] = value.trim()
    return { headers, agent: this.#agentFor(options) }
  }

  /** Closes the pool; requests in flight are aborted. */
  async close(): Promise<void> {
    await this.#agent?.agent.destroy()
    this.#agent = null
  }

  #agentFor(options: RequestOptions): Agent {
    const { ca, cert, key: clientKey, rejectUnauthorized, servername } = options
    const key = [ca, cert, clientKey, rejectUnauthorized, servername].map(String).join('\0')
    if (this.#agent?.key === key) return this.#agent.agent
    const old = this.#agent?.agent
    const connect = {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(clientKey === undefined ? {} : { key: clientKey }),
      ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
      ...(servername === undefined ? {} : { servername }),
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
      timeout: 10_000,
    }
    const agent = new Agent({ connect, keepAliveTimeout: 30_000, connections: 64 })
    this.#agent = { key, agent }
    // Requests of the old pool end in their own time.
    old?.close().catch(() => undefined)
    return agent
  }
}

/**
 * Finds the API server: a kubeconfig file, an address with token and CA, or the pod this runs in.
 * @throws KubeError when the source is incomplete or unreadable.
 */
export function loadKubeConfig(source: KubeConfigSource, timeoutMs?: number): PooledKubeConfig {
  const config = new PooledKubeConfig(timeoutMs)
  try {
    if (source.kubeconfig !== undefined) config.loadFromFile(source.kubeconfig)
    else if (source.server !== undefined) loadFromServer(config, source.server, source.caFile)
    else config.loadFromCluster()
  } catch (cause) {
    throw new KubeError('invalid', 'the connection to the API server cannot be configured', null, null, { cause })
  }
  if (source.tokenFile !== undefined) useToken(config, source.tokenFile)
  if (!config.getCurrentCluster()) throw new KubeError('invalid', 'the kubeconfig has no current cluster')
  return config
}

function loadFromServer(config: PooledKubeConfig, server: string, caFile: string | undefined): void {
  if (caFile !== undefined) readFileSync(caFile)
  config.loadFromClusterAndUser(
    { name: 'cluster', server, skipTLSVerify: false, ...(caFile === undefined ? {} : { caFile }) },
    { name: 'user' },
  )
}

function useToken(config: PooledKubeConfig, tokenFile: string): void {
  const cluster = config.getCurrentCluster()
  if (!cluster) return
  config.loadFromClusterAndUser(cluster, { name: 'token', authProvider: { name: 'tokenFile', config: { tokenFile } } })
}
