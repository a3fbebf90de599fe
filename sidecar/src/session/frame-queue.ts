import type { Socket } from 'node:net'
import type { BackendDecoder } from '../wire/postgres/backend.ts'

export interface Frame {
  readonly tag: number
  readonly frame: Buffer
}

export class FrameQueueError extends Error {
  override readonly name = 'FrameQueueError'
}

/** Backend messages one after the other, for the strictly alternating parts of the protocol: login and our own queries. */
export class FrameQueue {
  readonly #socket: Socket
  readonly #decoder: BackendDecoder
  readonly #timeoutMs: number
  readonly #frames: Frame[] = []
  #failure: Error | null = null
  #wake: (() => void) | null = null

  constructor(socket: Socket, decoder: BackendDecoder, timeoutMs: number) {
    this.#socket = socket
    this.#decoder = decoder
    this.#timeoutMs = timeoutMs
    socket.on('data', this.#onData)
    socket.on('error', this.#onError)
    socket.on('close', this.#onClose)
    socket.resume()
  }

  /** @throws FrameQueueError when the connection ends or nothing arrives in time. */
  async next(): Promise<Frame> {
    for (;;) {
      const frame = this.#frames.shift()
      if (frame) return frame
      if (this.#failure) throw this.#failure
      await this.#arrival()
    }
  }

  /** Stops listening; the socket is paused for whoever takes it over. */
  detach(): void {
    this.#socket.pause()
    this.#socket.off('data', this.#onData)
    this.#socket.off('error', this.#onError)
    this.#socket.off('close', this.#onClose)
  }

  async #arrival(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        this.#fail(new FrameQueueError('the server did not answer in time'))
      }, this.#timeoutMs)
      this.#wake = () => {
        clearTimeout(timer)
        this.#wake = null
        resolve()
      }
    })
  }

  #fail(failure: Error): void {
    this.#failure ??= failure
    this.#wake?.()
  }

  readonly #onData = (chunk: Buffer): void => {
    try {
      this.#decoder.push(chunk, (tag, frame) => this.#frames.push({ tag, frame }))
    } catch (cause) {
      this.#fail(new FrameQueueError('the server sent bytes that are not the protocol', { cause }))
      return
    }
    this.#wake?.()
  }

  readonly #onError = (cause: Error): void => {
    this.#fail(new FrameQueueError('the connection to the server broke', { cause }))
  }

  readonly #onClose = (): void => {
    this.#fail(new FrameQueueError('the server closed the connection'))
  }
}
