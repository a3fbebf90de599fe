import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { KubeClient } from './client.ts'
import { errorFromStatus, isKubeError, KubeError } from './errors.ts'
import { isRecord, keyOf, parseKubeObject, type KubeObject } from './objects.ts'

/** What a subscriber learns: the object as it is now, null when it is gone, and as it was before. */
export type CacheHandler<T> = (key: string, object: T | null, previous: T | null) => void

export interface CacheMetrics {
  readonly restarted: (resource: string) => void
  /** A relist found a change that the watch had not told. */
  readonly missed: (resource: string, count: number) => void
  readonly handlerFailed: (resource: string) => void
}

export interface ResourceCacheOptions<T extends KubeObject> {
  readonly client: KubeClient
  /** For logs and metrics, e.g. `accessgrants`. */
  readonly resource: string
  /** Collection, e.g. `/apis/sallyport.dev/v1alpha1/accessgrants`. */
  readonly path: string
  /** Null: the object is not of the shape expected; it is left out and logged. */
  readonly parse: (object: KubeObject) => T | null
  /** Only metadata is fetched. */
  readonly metadataOnly?: boolean
  readonly labelSelector?: string
  /** Name → the values an object is found under. */
  readonly indexes?: Readonly<Record<string, (object: T) => readonly string[]>>
  readonly log: Logger
  readonly metrics?: CacheMetrics
  readonly random?: () => number
  readonly pageSize?: number
  readonly relistMs?: number
  /** A watch without a byte for so long is taken for dead. */
  readonly idleMs?: number
}

/**
 * A supervised copy of one collection: list in pages, then watch with bookmarks; on any end it begins again with jitter,
 * and every ten minutes (± 20 %) it lists anew, because watches are known to fall silent.
 */
export class ResourceCache<T extends KubeObject> {
  readonly #options: ResourceCacheOptions<T>
  readonly #objects = new Map<string, T>()
  readonly #indexes = new Map<string, Map<string, Set<string>>>()
  readonly #handlers = new Set<CacheHandler<T>>()
  readonly #waiters = new Set<() => void>()
  #synced = false
  #generation = 0
  /** Where the next watch begins; null: list first. */
  #position: string | null = null
  /** Objects known to be gone: no late answer or replayed event brings one back. */
  readonly #gone = new Set<string>()
  #lastContactMs = performance.now()

  constructor(options: ResourceCacheOptions<T>) {
    this.#options = options
    for (const name of Object.keys(options.indexes ?? {})) this.#indexes.set(name, new Map())
  }

  get resource(): string {
    return this.#options.resource
  }

  /** Lists and watches until aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    let failures = 0
    let relistAtMs = 0
    while (!signal.aborted) {
      this.#generation += 1
      try {
        if (this.#position === null || performance.now() >= relistAtMs) {
          this.#position = await this.#list(signal)
          relistAtMs = performance.now() + this.#jitter(this.#options.relistMs ?? 600_000)
        }
        const startedMs = performance.now()
        await this.#watch(this.#position, relistAtMs - startedMs, signal)
        failures = 0
        if (performance.now() - startedMs < 1000) await sleep(this.#jitter(1000), undefined, { signal })
      } catch (error) {
        if (isAborted(signal)) return
        failures += 1
        // Only when nothing but the connection broke does the old position hold.
        if (!isKubeError(error, 'unreachable', 'throttled', 'server-error')) this.#position = null
        await this.#pause(error, failures, signal)
      }
    }
  }

  /** The first list is complete. */
  hasSynced(): boolean {
    return this.#synced
  }

  whenSynced(): Promise<void> {
    if (this.#synced) return Promise.resolve()
    return new Promise((resolve) => this.#waiters.add(resolve))
  }

  /** Seconds since the API server was last heard on this collection. */
  stalenessSeconds(): number {
    return (performance.now() - this.#lastContactMs) / 1000
  }

  get(key: string): T | undefined {
    return this.#objects.get(key)
  }

  list(): readonly T[] {
    return [...this.#objects.values()]
  }

  byIndex(index: string, value: string): readonly T[] {
    const found: T[] = []
    for (const key of this.#indexes.get(index)?.get(value) ?? []) {
      const object = this.#objects.get(key)
      if (object) found.push(object)
    }
    return found
  }

  /** Calls for every change, and at once for everything there is. @returns ends the subscription. */
  subscribe(handler: CacheHandler<T>): () => void {
    this.#handlers.add(handler)
    for (const [key, object] of this.#objects) this.#call(handler, key, object, null)
    return () => this.#handlers.delete(handler)
  }

  /** Takes what a write answered, so that nobody decides on the state before it. Older than what is held: ignored. */
  accept(answer: unknown): T | null {
    const object = this.#parse(answer)
    if (object) this.#set(object)
    return object
  }

  async #list(signal: AbortSignal): Promise<string> {
    const generation = this.#generation
    const found = new Map<string, T>()
    let position: string | undefined
    let resourceVersion = ''
    do {
      const page = parseList(await this.#page(position, signal))
      for (const item of page.items) {
        const object = this.#parse(item)
        if (object) found.set(keyOf(object), object)
      }
      position = page.next
      resourceVersion = page.resourceVersion
    } while (position !== undefined)
    if (generation === this.#generation) this.#replace(found)
    return resourceVersion
  }

  #page(position: string | undefined, signal: AbortSignal): Promise<unknown> {
    const { client, path, labelSelector, pageSize = 500 } = this.#options
    const query = { limit: pageSize, continue: position, labelSelector }
    return client.request({ path, query, signal, timeoutMs: 60_000, accept: this.#accept('PartialObjectMetadataList') })
  }

  async #watch(from: string, forMs: number, signal: AbortSignal): Promise<void> {
    const { client, path, labelSelector, resource, idleMs = 150_000 } = this.#options
    const timeoutSeconds = Math.max(1, Math.ceil(Math.min(forMs, this.#jitter(300_000)) / 1000))
    const query = { watch: true, allowWatchBookmarks: true, resourceVersion: from, timeoutSeconds, labelSelector }
    const events = client.watch({ path, query, signal, accept: this.#accept('PartialObjectMetadata') }, idleMs)
    for await (const event of events) {
      this.#lastContactMs = performance.now()
      this.#position = this.#applyEvent(event, resource) ?? this.#position
    }
    this.#lastContactMs = performance.now()
  }

  #applyEvent(event: unknown, resource: string): string | null {
    if (!isRecord(event)) throw new KubeError('malformed', `watch ${resource}: an event is no object`)
    switch (event.type) {
      case 'ADDED':
      case 'MODIFIED': {
        const object = this.#parse(event.object)
        if (object) this.#set(object)
        return versionOf(event.object)
      }
      case 'DELETED': {
        const object = parseKubeObject(event.object)
        if (object) this.#delete(keyOf(object), object.metadata.uid)
        return versionOf(event.object)
      }
      case 'BOOKMARK':
        return versionOf(event.object)
      case 'ERROR':
        throw errorFromStatus(event.object, `watch ${resource}`)
      default:
        throw new KubeError('malformed', `watch ${resource}: unknown event ${String(event.type)}`)
    }
  }

  #replace(found: ReadonlyMap<string, T>): void {
    let missed = 0
    for (const [key, object] of found) {
      if (this.#objects.get(key)?.metadata.resourceVersion !== object.metadata.resourceVersion) missed += 1
      this.#set(object)
    }
    for (const [key, object] of this.#objects) {
      if (found.has(key)) continue
      missed += 1
      this.#delete(key, object.metadata.uid)
    }
    if (this.#synced && missed > 0) this.#options.metrics?.missed(this.#options.resource, missed)
    this.#lastContactMs = performance.now()
    this.#synced = true
    for (const resolve of this.#waiters) resolve()
    this.#waiters.clear()
  }

  #set(object: T): void {
    if (this.#gone.has(object.metadata.uid)) return
    const key = keyOf(object)
    const previous = this.#objects.get(key)
    if (previous && !isNewer(object, previous)) return
    if (previous) this.#unindex(key, previous)
    this.#objects.set(key, object)
    this.#index(key, object)
    this.#notify(key, object, previous ?? null)
  }

  #delete(key: string, uid: string): void {
    this.#gone.add(uid)
    const oldest = this.#gone.values().next()
    if (this.#gone.size > maxGone && !oldest.done) this.#gone.delete(oldest.value)
    const previous = this.#objects.get(key)
    // The same name may already be another object.
    if (previous?.metadata.uid !== uid) return
    this.#unindex(key, previous)
    this.#objects.delete(key)
    this.#notify(key, null, previous)
  }

  #notify(key: string, object: T | null, previous: T | null): void {
    for (const handler of this.#handlers) this.#call(handler, key, object, previous)
  }

  #call(handler: CacheHandler<T>, key: string, object: T | null, previous: T | null): void {
    try {
      handler(key, object, previous)
    } catch (err) {
      this.#options.metrics?.handlerFailed(this.#options.resource)
      this.#options.log.error({ err, resource: this.#options.resource, key }, 'a handler of the cache failed')
    }
  }

  #index(key: string, object: T): void {
    for (const [name, valuesOf] of Object.entries(this.#options.indexes ?? {})) {
      const index = this.#indexes.get(name)
      for (const value of valuesOf(object)) {
        const keys = index?.get(value) ?? new Set<string>()
        index?.set(value, keys.add(key))
      }
    }
  }

  #unindex(key: string, object: T): void {
    for (const [name, valuesOf] of Object.entries(this.#options.indexes ?? {})) {
      const index = this.#indexes.get(name)
      for (const value of valuesOf(object)) {
        const keys = index?.get(value)
        keys?.delete(key)
        if (keys?.size === 0) index?.delete(value)
      }
    }
  }

  #parse(value: unknown): T | null {
    const object = parseKubeObject(value)
    const parsed = object && this.#options.parse(object)
    if (!parsed) this.#options.log.error({ resource: this.#options.resource }, 'an object has an unexpected shape')
    return parsed
  }

  async #pause(error: unknown, failures: number, signal: AbortSignal): Promise<void> {
    const { resource, log, metrics } = this.#options
    metrics?.restarted(resource)
    const asked = error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0
    const backoffMs = isKubeError(error, 'gone') ? 50 : Math.min(30_000, 200 * 2 ** Math.min(failures, 10))
    const delayMs = Math.max(asked, this.#jitter(backoffMs))
    log.warn({ err: error, resource, delayMs }, 'the watch ended, beginning again')
    await sleep(delayMs, undefined, { signal }).catch(() => undefined)
  }

  #jitter(ms: number): number {
    return ms * (0.8 + 0.4 * (this.#options.random ?? Math.random)())
  }

  #accept(as: string): string {
    return this.#options.metadataOnly ? `application/json;as=${as};v=v1;g=meta.k8s.io` : 'application/json'
  }
}

/** A function, because the compiler takes a flag that was false to stay false. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted
}

const maxGone = 20_000

interface ListPage {
  readonly items: readonly unknown[]
  readonly next: string | undefined
  readonly resourceVersion: string
}

function parseList(value: unknown): ListPage {
  // An empty list of metadata is written with `items: null`.
  const isEmpty = isRecord(value) && value.items === null
  if (!isRecord(value) || !(isEmpty || Array.isArray(value.items)) || !isRecord(value.metadata)) {
    throw new KubeError('malformed', 'the list has no items')
  }
  const { continue: next, resourceVersion } = value.metadata
  if (typeof resourceVersion !== 'string') throw new KubeError('malformed', 'the list has no resourceVersion')
  const items: readonly unknown[] = Array.isArray(value.items) ? value.items : []
  return { items, next: typeof next === 'string' && next !== '' ? next : undefined, resourceVersion }
}

function versionOf(object: unknown): string | null {
  const metadata = isRecord(object) ? object.metadata : undefined
  return isRecord(metadata) && typeof metadata.resourceVersion === 'string' ? metadata.resourceVersion : null
}

/** Resource versions of one collection are increasing integers on every API server in use (KEP-5504). */
function isNewer(object: KubeObject, than: KubeObject): boolean {
  const [version, held] = [object.metadata.resourceVersion, than.metadata.resourceVersion]
  if (version === held) return false
  if (!/^\d+$/.test(version) || !/^\d+$/.test(held)) return true
  return BigInt(version) > BigInt(held)
}
