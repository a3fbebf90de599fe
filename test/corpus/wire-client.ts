import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface Received {
  /** The message's type byte. */
  readonly tag: string
  readonly body: Buffer
}

export interface ClientOptions {
  readonly address: { readonly path: string } | { readonly host: string; readonly port: number }
  readonly startup: ReadonlyMap<string, string>
  /** Sent before the start-up message; one byte is read. */
  readonly rawFirst?: Buffer
  /** `performance.now()` after which nothing is waited for. */
  readonly deadlineMs: number
}

/** What ended a session or a wait. */
export class WireClientError extends Error {
  override readonly name = 'WireClientError'
  readonly code: 'closed' | 'fatal' | 'timeout'
  constructor(code: WireClientError['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** A PostgreSQL client whose every message is the caller's to send; everything received is kept. */
export class WireClient {
  readonly messages: Received[] = []
  closed = false
  /** Statements asked for: Query, Execute, FunctionCall. */
  sent = 0
  rows = 0
  copyRows = 0
  bytes = 0
  key: { readonly processId: number; readonly secret: Buffer } | null = null
  /** Messages, rows before the case itself began: of login and preparation. */
  before = { login: 0, messages: 0, rows: 0 }
  deadlineMs: number
  readonly #socket: Socket
  #buffer = Buffer.alloc(0)
  #wake: (() => void) | null = null

  constructor(options: ClientOptions) {
    this.deadlineMs = options.deadlineMs
    this.#socket = connect({ ...options.address, noDelay: true })
    this.#socket.on('data', (chunk) => {
      this.#buffer = Buffer.concat([this.#buffer, typeof chunk === 'string' ? Buffer.from(chunk) : chunk])
      this.#wake?.()
    })
    const end = (): void => {
      this.closed = true
      this.#wake?.()
    }
    this.#socket.on('close', end).on('error', end).on('end', end)
  }

  /** Start-up until ReadyForQuery. @throws WireClientError */
  async login({ startup, rawFirst }: ClientOptions): Promise<void> {
    if (rawFirst) {
      this.#socket.write(rawFirst)
      await this.#need(1)
      this.#buffer = this.#buffer.subarray(1)
    }
    const parameters = [...startup].map(([name, value]) => `${name}\0${value}\0`).join('')
    const body = Buffer.concat([int32(196_608), Buffer.from(`${parameters}\0`)])
    this.#socket.write(Buffer.concat([int32(body.length + 4), body]))
    await this.untilReady()
    this.before.login = this.messages.length
  }

  send(tag: string, body: Buffer = Buffer.alloc(0)): void {
    if ('QEF'.includes(tag)) this.sent += 1
    if (this.closed) throw new WireClientError('closed', 'closed')
    this.#socket.write(Buffer.concat([Buffer.from(tag, 'latin1'), int32(body.length + 4), body]))
  }

  sendRaw(bytes: Buffer): void {
    this.#socket.write(bytes)
  }

  async query(sql: string | Buffer): Promise<void> {
    this.send('Q', Buffer.concat([Buffer.from(sql), Buffer.from([0])]))
    await this.untilReady()
  }

  /** Reads to ReadyForQuery, CopyInResponse or CopyBothResponse. @throws WireClientError */
  async untilReady(stops = 'ZGW'): Promise<void> {
    for (;;) {
      const { tag, body } = await this.#read()
      if (stops.includes(tag)) return
      if (tag === 'E' && this.key === null && errorFields(body).get('S') === 'FATAL') {
        this.closed = true
        throw new WireClientError('fatal', `fatal ${errorFields(body).get('C') ?? ''}`)
      }
    }
  }

  /** Reads what comes within the time. */
  async drain(forMs: number): Promise<void> {
    const endMs = performance.now() + forMs
    for (;;) {
      while (this.#take()) continue
      const leftMs = endMs - performance.now()
      if (leftMs <= 0 || this.closed) return
      await this.#wait(leftMs)
    }
  }

  close(): void {
    if (!this.closed) this.#socket.write(Buffer.from([0x58, 0, 0, 0, 4]))
    this.closed = true
    this.#socket.destroySoon()
  }

  async #read(): Promise<Received> {
    for (;;) {
      const message = this.#take()
      if (message) return message
      await this.#more()
    }
  }

  #take(): Received | null {
    if (this.#buffer.length < 5) return null
    const length = this.#buffer.readInt32BE(1)
    if (this.#buffer.length < length + 1) return null
    const message = { tag: String.fromCharCode(this.#buffer[0] ?? 0), body: this.#buffer.subarray(5, length + 1) }
    this.#buffer = this.#buffer.subarray(length + 1)
    this.#keep(message)
    return message
  }

  #keep(message: Received): void {
    const { tag, body } = message
    this.messages.push(message)
    if (tag === 'D') this.rows += 1
    if (tag === 'd') this.copyRows += 1
    if (tag === 'D' || tag === 'd') this.bytes += body.length
    if (tag === 'K') this.key = { processId: body.readInt32BE(0), secret: body.subarray(4) }
  }

  async #need(bytes: number): Promise<void> {
    while (this.#buffer.length < bytes) await this.#more()
  }

  async #more(): Promise<void> {
    if (this.closed) throw new WireClientError('closed', 'closed')
    const leftMs = this.deadlineMs - performance.now()
    if (leftMs <= 0) throw new WireClientError('timeout', 'timed out')
    await this.#wait(leftMs)
  }

  async #wait(forMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const timer = setTimeout(() => resolve(undefined), forMs)
    this.#wake = () => resolve(undefined)
    await promise
    clearTimeout(timer)
    this.#wake = null
  }
}

/** Sends a CancelRequest on a connection of its own. */
export async function cancelRequest(
  address: ClientOptions['address'],
  { processId, secret }: NonNullable<WireClient['key']>,
): Promise<void> {
  const socket = connect({ ...address })
  socket.on('error', () => undefined)
  const body = Buffer.concat([int32(80_877_102), int32(processId), secret])
  socket.end(Buffer.concat([int32(body.length + 4), body]))
  await once(socket, 'close')
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

/** Fields of an ErrorResponse or NoticeResponse. */
export function errorFields(body: Buffer): ReadonlyMap<string, string> {
  const parts = body.toString('utf8').split('\0')
  return new Map(parts.filter((part) => part !== '').map((part) => [part.slice(0, 1), part.slice(1)]))
}

/** Values of a DataRow as text; NULL is the empty string. */
export function rowText(body: Buffer): string {
  const values: string[] = []
  let at = 2
  for (let n = body.readInt16BE(0); n > 0; n -= 1) {
    const length = body.readInt32BE(at)
    values.push(length < 0 ? '' : body.toString('utf8', at + 4, at + 4 + length))
    at += 4 + Math.max(0, length)
  }
  return values.join(',')
}
