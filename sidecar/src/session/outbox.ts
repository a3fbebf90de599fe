import type { Writable } from 'node:stream'

/**
 * Collects what one event of the loop has to say to a socket and writes it at once. Frames that lie side by side in the
 * same chunk are written as the one slice they are, so that an untouched result costs one write a chunk.
 */
export class Outbox {
  readonly #socket: Writable
  #parts: Buffer[] = []
  #scheduled = false

  constructor(socket: Writable) {
    this.#socket = socket
  }

  push(frame: Buffer): void {
    const last = this.#parts.at(-1)
    if (last && last.buffer === frame.buffer && last.byteOffset + last.length === frame.byteOffset) {
      this.#parts[this.#parts.length - 1] = Buffer.from(last.buffer, last.byteOffset, last.length + frame.length)
    } else {
      this.#parts.push(frame)
    }
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(this.flush)
  }

  /** @returns false when the socket asks to wait for `drain`. */
  readonly flush = (): boolean => {
    this.#scheduled = false
    const parts = this.#parts
    if (parts.length === 0 || this.#socket.destroyed) {
      this.#parts = []
      return true
    }
    this.#parts = []
    const [first] = parts
    return this.#socket.write(parts.length === 1 && first ? first : Buffer.concat(parts))
  }
}
