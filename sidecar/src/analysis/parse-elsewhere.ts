import { access } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { ParsedStatement } from './parse-statements.ts'
import type { ParsedElsewhere } from './parse-worker.ts'

/** From sources the worker is the file beside this one; in a bundle it is an entry of its own beside all chunks. */
const workerUrl = new URL(import.meta.url.endsWith('.ts') ? './parse-worker.ts' : './parse-worker.js', import.meta.url)

export interface ElsewhereOptions {
  /** Milliseconds one text may take. */
  readonly deadlineMs: number
  /** Milliseconds after which a thread that is not needed ends. */
  readonly idleMs: number
}

/** Milliseconds a thread may take to be ready: it loads the parser first. */
const startMs = 10_000

/**
 * Parses in a worker thread, one text after the other. There is none until it is needed, and none after it has not been for a
 * while. A thread whose parser failed, or that takes too long, is ended: the next text gets a new one.
 */
export class ElsewhereParser {
  readonly #options: ElsewhereOptions
  #worker: Worker | null = null
  #last: Promise<unknown> = Promise.resolve()
  #idle: NodeJS.Timeout | null = null
  #closed = false

  constructor(options: ElsewhereOptions) {
    this.#options = options
  }

  /** @throws Error where the worker's code is not there: then no long text could ever be judged. */
  static async load(options: ElsewhereOptions): Promise<ElsewhereParser> {
    await access(fileURLToPath(workerUrl))
    return new ElsewhereParser(options)
  }

  /** There is a thread. */
  get isRunning(): boolean {
    return this.#worker !== null
  }

  /** `TooLong`: it was stopped; `Broken`: the parser failed. Never throws. */
  parse(sql: string): Promise<ParsedElsewhere | { readonly kind: 'TooLong' }> {
    const parsed = this.#last.then(() => this.#run(sql))
    this.#last = parsed
    return parsed
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#end()
  }

  async #run(sql: string): Promise<ParsedElsewhere | { readonly kind: 'TooLong' }> {
    if (this.#idle) clearTimeout(this.#idle)
    const worker = this.#worker ?? (await this.#start())
    if (!worker || this.#closed) return { kind: 'Broken' }
    worker.postMessage(sql)
    const answer = await nextMessage<ParsedElsewhere>(worker, this.#options.deadlineMs)
    if (typeof answer === 'object' && answer.kind === 'Parsed') return this.#withNormalized(worker, answer.statements)
    // What did not fit leaves a thread that holds much memory.
    if (typeof answer === 'object' && (answer.kind === 'SyntaxError' || answer.kind === 'TooDeep')) this.#rest()
    else await this.#end()
    return answer === 'TooLong' ? { kind: 'TooLong' } : answer === 'Ended' ? { kind: 'Broken' } : answer
  }

  async #withNormalized(worker: Worker, statements: readonly ParsedStatement[]): Promise<ParsedElsewhere> {
    const texts = await nextMessage<readonly string[]>(worker, this.#options.deadlineMs)
    const known = typeof texts === 'string' || 'kind' in texts ? null : texts
    if (known) this.#rest()
    else await this.#end()
    return { kind: 'Parsed', statements: statements.map((each, index) => ({ ...each, normalized: known?.[index] ?? '' })) } // prettier-ignore
  }

  #rest(): void {
    this.#idle = setTimeout(() => void this.#end(), this.#options.idleMs).unref()
  }

  /** @returns null when it does not come up. */
  async #start(): Promise<Worker | null> {
    // 64 MiB of stack take the deepest text of the size that is judged; they are used only as far as needed.
    const worker = new Worker(workerUrl, {
      resourceLimits: { stackSizeMb: 64, maxOldGenerationSizeMb: 80, maxYoungGenerationSizeMb: 16 },
    })
    worker.unref()
    worker.on('error', () => void this.#end())
    this.#worker = worker
    const answer = await nextMessage<string>(worker, startMs)
    if (answer === 'Ready') return worker
    await this.#end()
    return null
  }

  async #end(): Promise<void> {
    const worker = this.#worker
    this.#worker = null
    await worker?.terminate()
  }
}

type Failure = 'TooLong' | 'Ended' | { readonly kind: 'TooLarge' }

function nextMessage<T>(worker: Worker, limitMs: number): Promise<T | Failure> {
  return new Promise((resolve) => {
    const settle = (answer: T | Failure): void => {
      clearTimeout(timer)
      worker.off('message', settle).off('error', failed).off('exit', ended)
      resolve(answer)
    }
    const ended = (): void => settle('Ended')
    const failed = (cause: unknown): void => settle(isOutOfMemory(cause) ? { kind: 'TooLarge' } : 'Ended')
    const timer = setTimeout(() => settle('TooLong'), limitMs)
    worker.on('message', settle).on('error', failed).on('exit', ended)
  })
}

function isOutOfMemory(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ERR_WORKER_OUT_OF_MEMORY'
}
