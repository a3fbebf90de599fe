import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import type { KubeClient } from './client.ts'
import { toMicroTime } from './conditions.ts'
import type { KubeObject } from './objects.ts'

export interface EventRecorderOptions {
  readonly client: KubeClient
  /** Name of this process, for `reportingInstance`. */
  readonly instance: string
  readonly nowMs: () => number
  readonly log: Logger
  /** Events one object may cause in a burst. */
  readonly burst?: number
  /** After that, one per so many milliseconds. */
  readonly refillMs?: number
}

export interface ObjectEvent {
  readonly type: 'Normal' | 'Warning'
  /** CamelCase word. */
  readonly reason: string
  /** What was done, CamelCase word. */
  readonly action: string
  readonly note: string
}

/** Writes events.k8s.io/v1 Events on objects; what is too much for one object is dropped. Never throws. */
export class EventRecorder {
  readonly #options: EventRecorderOptions
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>()
  readonly #pending = new Set<Promise<void>>()

  constructor(options: EventRecorderOptions) {
    this.#options = options
  }

  record(object: KubeObject, kind: { readonly apiVersion: string; readonly kind: string }, event: ObjectEvent): void {
    if (!this.#take(object.metadata.uid)) return
    const write = this.#write(object, kind, event).catch((err: unknown) => {
      this.#options.log.warn(
        { err, reason: event.reason, name: object.metadata.name },
        'the event could not be written',
      )
    })
    this.#pending.add(write)
    void write.finally(() => this.#pending.delete(write))
  }

  /** Resolves when what was recorded is written or given up. */
  async flush(): Promise<void> {
    await Promise.all(this.#pending)
  }

  async #write(
    object: KubeObject,
    kind: { readonly apiVersion: string; readonly kind: string },
    event: ObjectEvent,
  ): Promise<void> {
    const { name, namespace, uid, resourceVersion } = object.metadata
    const home = namespace ?? 'default'
    const body = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: `${name.slice(0, 200)}.${randomUUID().slice(0, 13)}`, namespace: home },
      eventTime: toMicroTime(this.#options.nowMs()),
      reportingController: 'sallyport.dev/controller',
      reportingInstance: this.#options.instance.slice(0, 128),
      type: event.type,
      reason: event.reason,
      action: event.action,
      note: event.note.slice(0, 1024),
      regarding: { ...kind, name, uid, resourceVersion, ...(namespace === undefined ? {} : { namespace }) },
    }
    await this.#options.client.request({
      method: 'POST',
      path: `/apis/events.k8s.io/v1/namespaces/${home}/events`,
      body,
    })
  }

  #take(uid: string): boolean {
    const { nowMs, burst = 25, refillMs = 300_000 } = this.#options
    const now = nowMs()
    const bucket = this.#buckets.get(uid) ?? { tokens: burst, atMs: now }
    const tokens = Math.min(burst, bucket.tokens + (now - bucket.atMs) / refillMs)
    if (tokens < 1) return false
    this.#buckets.delete(uid)
    this.#buckets.set(uid, { tokens: tokens - 1, atMs: now })
    const oldest = this.#buckets.keys().next()
    if (this.#buckets.size > 10_000 && !oldest.done) this.#buckets.delete(oldest.value)
    return true
  }
}
