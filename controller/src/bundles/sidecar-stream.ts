import type { ServerResponse } from 'node:http'
import type { Heartbeat, Snapshot, Subject } from '@sallyport/crds'

export interface SidecarStreamOptions {
  readonly response: ServerResponse
  readonly subject: Subject
  /** How long a sidecar may leave what was written unread. */
  readonly maxStallMs: number
  readonly onClose: (isSlow: boolean) => void
}

/**
 * One sidecar's response. At most one snapshot waits for a slow reader: a newer one takes its place, so memory does not
 * grow with the number of changes.
 */
export class SidecarStream {
  readonly #options: SidecarStreamOptions
  #subject: Subject
  #revision = ''
  #waiting: Snapshot | null = null
  #stall: NodeJS.Timeout | null = null
  #closed = false

  constructor(options: SidecarStreamOptions) {
    this.#options = options
    this.#subject = options.subject
    options.response.on('drain', () => this.#onDrain())
    options.response.on('close', () => this.#onClose(false))
    options.response.on('error', () => this.#onClose(false))
  }

  get subject(): Subject {
    return this.#subject
  }

  /** The revision the sidecar has or is about to get. */
  get revision(): string {
    return this.#waiting?.revision ?? this.#revision
  }

  setLabels(labels: Readonly<Record<string, string>>): void {
    this.#subject = { ...this.#subject, labels }
  }

  /** Sends a snapshot unless the sidecar has it. @returns whether there was anything to send. */
  send(snapshot: Snapshot): boolean {
    if (this.#closed || snapshot.revision === this.revision) return false
    if (this.#stall) this.#waiting = snapshot
    else this.#write(snapshot)
    return true
  }

  /** @param unixMs the controller's clock. */
  beat(unixMs: number): void {
    if (this.#closed || this.#stall) return
    const heartbeat: Heartbeat = { kind: 'Heartbeat', unixMs, revision: this.#revision }
    this.#writeLine(heartbeat)
  }

  /** Ends the response; the sidecar connects again or, where it may not, learns so. */
  end(): void {
    this.#options.response.end()
    this.#onClose(false)
  }

  #write(snapshot: Snapshot): void {
    this.#revision = snapshot.revision
    this.#writeLine(snapshot)
  }

  #writeLine(message: Snapshot | Heartbeat): void {
    if (this.#options.response.write(`${JSON.stringify(message)}\n`)) return
    this.#stall = setTimeout(() => {
      this.#options.response.destroy()
      this.#onClose(true)
    }, this.#options.maxStallMs)
  }

  #onDrain(): void {
    if (this.#stall) clearTimeout(this.#stall)
    this.#stall = null
    const waiting = this.#waiting
    this.#waiting = null
    if (waiting && !this.#closed) this.#write(waiting)
  }

  #onClose(isSlow: boolean): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#stall) clearTimeout(this.#stall)
    this.#options.onClose(isSlow)
  }
}
