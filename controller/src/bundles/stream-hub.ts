import type { Snapshot, Subject } from '@sallyport/crds'
import type { Logger } from 'pino'
import type { SidecarStream } from './sidecar-stream.ts'

export interface StreamHubOptions {
  readonly build: (subject: Subject) => Snapshot
  /** Unix milliseconds. */
  readonly nowMs: () => number
  readonly log: Logger
  readonly onPushed: (sinceChangeMs: number) => void
  readonly onCount: (streams: number) => void
  /** Changes within so many milliseconds go out as one snapshot. */
  readonly coalesceMs?: number
  readonly heartbeatMs?: number
}

/** The sidecars connected, and what each must hear of. */
export class StreamHub {
  readonly #options: StreamHubOptions
  readonly #streams = new Set<SidecarStream>()
  readonly #dirty = new Set<string>()
  #isAllDirty = false
  #flush: NodeJS.Timeout | null = null
  readonly #heartbeat: NodeJS.Timeout

  constructor(options: StreamHubOptions) {
    this.#options = options
    this.#heartbeat = setInterval(() => this.#beat(), options.heartbeatMs ?? 5000)
  }

  get size(): number {
    return this.#streams.size
  }

  /** Sends the first snapshot at once and every later one that differs. */
  add(stream: SidecarStream): void {
    this.#streams.add(stream)
    this.#options.onCount(this.#streams.size)
    this.#push(stream)
  }

  delete(stream: SidecarStream): void {
    this.#streams.delete(stream)
    this.#options.onCount(this.#streams.size)
  }

  /** Something that pods of this namespace get has changed. Null: of any namespace. */
  touch(namespace: string | null): void {
    if (namespace === null) this.#isAllDirty = true
    else this.#dirty.add(namespace)
    if (this.#flush) return
    const changedMs = performance.now()
    this.#flush = setTimeout(() => {
      this.#flush = null
      this.#pushDirty(changedMs)
    }, this.#options.coalesceMs ?? 10)
  }

  /** The pod's labels, which may select other grants. */
  relabel(podUid: string, labels: Readonly<Record<string, string>>): void {
    for (const stream of this.#of(podUid)) {
      stream.setLabels(labels)
      this.touch(stream.subject.namespace)
    }
  }

  /** The pod is gone. */
  endPod(podUid: string): void {
    for (const stream of this.#of(podUid)) stream.end()
  }

  /** Ends all streams. */
  close(): void {
    clearInterval(this.#heartbeat)
    if (this.#flush) clearTimeout(this.#flush)
    for (const stream of [...this.#streams]) stream.end()
  }

  #pushDirty(changedMs: number): void {
    const [all, namespaces] = [this.#isAllDirty, new Set(this.#dirty)]
    this.#isAllDirty = false
    this.#dirty.clear()
    for (const stream of this.#streams) {
      if (!all && !namespaces.has(stream.subject.namespace)) continue
      if (this.#push(stream)) this.#options.onPushed(performance.now() - changedMs)
    }
  }

  #push(stream: SidecarStream): boolean {
    try {
      return stream.send(this.#options.build(stream.subject))
    } catch (err) {
      this.#options.log.error(
        { err, pod: stream.subject.pod, namespace: stream.subject.namespace },
        'a snapshot could not be made',
      )
      // Better no stream than one that silently keeps an old state.
      stream.end()
      return false
    }
  }

  #beat(): void {
    const unixMs = this.#options.nowMs()
    for (const stream of this.#streams) stream.beat(unixMs)
  }

  #of(podUid: string): readonly SidecarStream[] {
    return [...this.#streams].filter((stream) => stream.subject.podUID === podUid)
  }
}
