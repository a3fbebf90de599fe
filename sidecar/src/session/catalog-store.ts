import type { Logger } from 'pino'
import { loadCatalog, type Catalog } from '../analysis/load-catalog.ts'
import type { Clock } from '../model/clock.ts'
import { connectUpstream, type UpstreamOptions } from './upstream.ts'
import { queryUpstream } from './upstream-query.ts'

/** A snapshot older than this is read again in the background when it is next used. */
const maxAgeMs = 60_000
/** An unknown name asks for a fresh snapshot at most this often. */
const minAgeMs = 1_000

/**
 * The schema of one database as the sidecar knows it, shared by all sessions on it. A snapshot never changes; `version`
 * tells one from the next.
 */
export class CatalogStore {
  readonly #connect: () => Omit<UpstreamOptions, 'signal'>
  readonly #clock: Clock
  readonly #log: Logger
  #catalog: Catalog | null = null
  #version = 0
  #loadedAt = Number.NEGATIVE_INFINITY
  #loading: Promise<Catalog> | null = null

  constructor(connect: () => Omit<UpstreamOptions, 'signal'>, clock: Clock, log: Logger) {
    this.#connect = connect
    this.#clock = clock
    this.#log = log
  }

  /** Rises with every snapshot. */
  get version(): number {
    return this.#version
  }

  /** The snapshot at hand; read again in the background when it is old. Null before the first {@link load}. */
  current(): Catalog | null {
    if (this.#catalog && this.#age() > maxAgeMs) {
      this.refresh().catch((cause: unknown) => {
        this.#log.warn({ err: cause }, 'the schema could not be read again; the last snapshot stays in use')
      })
    }
    return this.#catalog
  }

  /** @throws UpstreamError when there is no snapshot and none can be read. */
  async load(): Promise<Catalog> {
    return this.#catalog ?? (await this.refresh())
  }

  /** A name was not found: reads the schema again unless that was just done. */
  async refreshForUnknownName(): Promise<boolean> {
    if (this.#age() < minAgeMs) return false
    await this.refresh()
    return true
  }

  /** Reads the schema; concurrent callers share one reading. */
  async refresh(): Promise<Catalog> {
    this.#loading ??= this.#read().finally(() => {
      this.#loading = null
    })
    return await this.#loading
  }

  #age(): number {
    return this.#clock.monotonic() - this.#loadedAt
  }

  async #read(): Promise<Catalog> {
    const options = this.#connect()
    const upstream = await connectUpstream({ ...options, signal: AbortSignal.timeout(options.connectTimeoutMs) })
    try {
      const catalog = await loadCatalog((sql) => queryUpstream(upstream, sql, options.connectTimeoutMs))
      this.#catalog = catalog
      this.#version++
      this.#loadedAt = this.#clock.monotonic()
      return catalog
    } finally {
      upstream.socket.destroy()
    }
  }
}
