import type { Socket } from 'node:net'
import type { FrontendMessage } from '../wire/postgres/frontend.ts'

/** More decoded messages or bytes of them are not taken from a client that sends faster than it is served. */
const highWater = { messages: 256, bytes: 4 << 20 }

/** What the client sent and the session has not come to yet. The socket rests while enough is waiting. */
export class MessageQueue {
  readonly #socket: Socket
  #messages: FrontendMessage[] = []
  #next = 0
  #bytes = 0
  #isHeld = false
  #ended = false
  #wake: (() => void) | null = null

  constructor(socket: Socket) {
    this.#socket = socket
  }

  push(messages: readonly FrontendMessage[]): void {
    if (messages.length === 0) return
    if (this.#next === this.#messages.length) {
      this.#messages = [...messages]
      this.#next = 0
    } else {
      this.#messages.push(...messages)
    }
    for (const { raw } of messages) this.#bytes += raw.length
    if (this.#isFull()) this.#socket.pause()
    this.#wake?.()
  }

  /** Nothing more is taken from the client until {@link release}: the server does not take what it sent before. */
  hold(): void {
    this.#isHeld = true
    this.#socket.pause()
  }

  release(): void {
    this.#isHeld = false
    if (!this.#isFull()) this.#socket.resume()
  }

  end(): void {
    this.#ended = true
    this.#wake?.()
  }

  peek(): FrontendMessage | null {
    return this.#messages[this.#next] ?? null
  }

  /** The next message if it is there. */
  shift(): FrontendMessage | null {
    const message = this.#messages[this.#next]
    if (message === undefined) return null
    this.#next++
    this.#bytes -= message.raw.length
    if (this.#messages.length === this.#next) {
      this.#messages = []
      this.#next = 0
      if (!this.#isHeld) this.#socket.resume()
    }
    return message
  }

  #isFull(): boolean {
    return this.#messages.length - this.#next > highWater.messages || this.#bytes > highWater.bytes
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Resolves when a message is there, the client is gone, or `other` settles. */
  async arrival(other?: Promise<unknown>): Promise<void> {
    if (this.peek() || this.#ended) return
    const arrived = new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    await (other ? Promise.race([arrived, other]) : arrived)
    this.#wake = null
  }
}
