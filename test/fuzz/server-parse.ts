import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import {
  BackendDecoder,
  backendTag,
  parseErrorFields,
  parseReadyForQuery,
} from '../../sidecar/src/wire/postgres/backend.ts'
import { copyFail, parse, query, startupMessage, sync } from '../../sidecar/src/wire/postgres/encode.ts'

/**
 * What a server's own parser makes of a text. `None`: no statement, or one that only ends the transaction. `Refused`: a
 * syntax error to it.
 */
export type Count = 'None' | 'One' | 'Many' | 'Refused'

interface Answer {
  readonly sqlstates: string[]
  readonly messages: string[]
}

/**
 * Asks a server how it parses, in a transaction that has failed: there a text is parsed, and its statements are refused
 * before anything is done (exec_parse_message and exec_simple_query of postgres.c).
 */
export class ServerParse {
  readonly #socket: Socket
  readonly #decoder = new BackendDecoder({ maxMessageBytes: 256 << 20 })
  #answer: Answer = { sqlstates: [], messages: [] }
  #status: 'I' | 'T' | 'E' = 'I'
  #onReady: () => void = () => undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#decoder.push(chunk, (tag, frame) => this.#onFrame(tag, frame)))
    socket.on('error', () => undefined)
    socket.on('close', () => this.#onReady())
  }

  /** @param path  the server's unix socket. @throws when it lets nobody in. */
  static async connect(path: string, user: string, database: string): Promise<ServerParse> {
    const socket = connect(path)
    await once(socket, 'connect')
    const parser = new ServerParse(socket)
    const options = '-c client_min_messages=log -c statement_timeout=1s'
    await parser.#ask(startupMessage([['user', user], ['database', database], ['options', options]])) // prettier-ignore
    return parser
  }

  /** How many statements the text is. */
  async count(text: Buffer): Promise<Count> {
    await this.#fail()
    const { sqlstates, messages } = await this.#ask(Buffer.concat([parse('', text), sync()]))
    if (sqlstates.length === 0) return 'None'
    if (sqlstates.includes('25P02')) return 'One'
    return messages.some((message) => message.startsWith('cannot insert multiple commands')) ? 'Many' : 'Refused'
  }

  /** Whether the statement is of those that this user's `log_statement` tells of. */
  async isLogged(statement: Buffer): Promise<boolean> {
    await this.#fail()
    const { messages } = await this.#ask(query(statement))
    return messages.some((message) => message.startsWith('statement: '))
  }

  close(): void {
    this.#socket.destroy()
  }

  async #fail(): Promise<void> {
    if (this.#status === 'I') await this.#ask(query('BEGIN'))
    if (this.#status === 'T') await this.#ask(query('SELECT 1/0'))
  }

  async #ask(messages: Buffer): Promise<Answer> {
    this.#answer = { sqlstates: [], messages: [] }
    const ready = new Promise<void>((resolve) => (this.#onReady = resolve))
    this.#socket.write(messages)
    await ready
    if (this.#socket.destroyed) throw new Error(`the server ended the session: ${this.#answer.messages.join('; ')}`)
    return this.#answer
  }

  #onFrame(tag: number, frame: Buffer): void {
    switch (tag) {
      case backendTag.ReadyForQuery:
        this.#status = parseReadyForQuery(frame)
        return this.#onReady()
      case backendTag.CopyInResponse:
        this.#socket.write(copyFail('not here'))
        return
      case backendTag.ErrorResponse:
      case backendTag.NoticeResponse: {
        const fields = parseErrorFields(frame)
        this.#answer.messages.push(fields.get('M') ?? '')
        if (tag === backendTag.ErrorResponse) this.#answer.sqlstates.push(fields.get('C') ?? '')
        return
      }
      default:
        return
    }
  }
}
