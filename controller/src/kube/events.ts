import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import type { KubeClient } from './client.ts'
import { toMicroTime } from './conditions.ts'
import { isKubeError } from './errors.ts'
import { keyOf, type ObjectMeta } from './objects.ts'

export interface EventRecorderOptions {
  readonly client: KubeClient
  /** `reportingController`, e.g. `sallyport.dev/controller`. */
  readonly reporter: string
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
  /** Another Event of this name is not written as long as the API server keeps the first: an hour, usually. */
  readonly once?: string
}

/** What an Event is about; `uid` is empty for what does not exist yet. */
export interface EventSubject {
  readonly metadata: Pick<ObjectMeta, 'name' | 'namespace' | 'uid'> & { readonly resourceVersion?: string }
}

/** Writes events.k8s.io/v1 Events on objects; what is too much for one object is dropped. Never throws. */
export class EventRecorder {
  readonly #options: EventRecorderOptions
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>()
  readonly #pending = new Set<Promise<void>>()

  constructor(options: EventRecorderOptions) {
    this.#options = options
  }

  record(object: EventSubject, kind: { readonly apiVersion: string; readonly kind: string }, event: ObjectEvent): void {
    if (!this.#take(object.metadata.uid || keyOf(object))) return
    const write = this.#write(object, kind, event).catch((err: unknown) => {
      if (event.once !== undefined && isKubeError(err, 'already-exists')) return
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
    object: EventSubject,
    kind: { readonly apiVersion: string; readonly kind: string },
    event: ObjectEvent,
  ): Promise<void> {
    const { name, namespace } = object.metadata
    const home = namespace ?? 'default'
    const body = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: `${name.slice(0, 200)}.${event.once ?? randomUUID().slice(0, 13)}`, namespace: home },
      eventTime: toMicroTime(this.#options.nowMs()),
      reportingController: this.#options.reporter,
      reportingInstance: this.#options.instance.slice(0, 128),
      type: event.type,
      reason: event.reason,
      action: event.action,
      note: event.note.slice(0, 1024),
      regarding: { ...kind, ...referenceOf(object) },
    }
    await this.#options.client.request({
      method: 'POST',
      path: `/apis/events.k8s.io/v1/namespaces/${home}/events`,
      body,
    })
  }

  /** @param subject  uid, or key of what has none yet. */
  #take(subject: string): boolean {
    const { nowMs, burst = 25, refillMs = 300_000 } = this.#options
    const now = nowMs()
    const bucket = this.#buckets.get(subject) ?? { tokens: burst, atMs: now }
    const tokens = Math.min(burst, bucket.tokens + (now - bucket.atMs) / refillMs)
    if (tokens < 1) return false
    this.#buckets.delete(subject)
    this.#buckets.set(subject, { tokens: tokens - 1, atMs: now })
    const oldest = this.#buckets.keys().next()
    if (this.#buckets.size > 10_000 && !oldest.done) this.#buckets.delete(oldest.value)
    return true
  }
}

function referenceOf({ metadata: { name, namespace, uid, resourceVersion } }: EventSubject): object {
  // JSON leaves out what is undefined.
  return { name, namespace, uid: uid || undefined, resourceVersion }
}
