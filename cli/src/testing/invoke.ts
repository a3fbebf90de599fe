import { Readable, Writable } from 'node:stream'
import { runCli } from '../run-cli.ts'

export interface Invocation {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

interface InvokeOptions {
  readonly stdin?: string
  readonly signal?: AbortSignal
  readonly onStdout?: (text: string) => void
}

/** Runs a command line in this process. */
export const invoke = Object.assign((...argv: readonly string[]): Promise<Invocation> => run(argv, {}), {
  with:
    (options: InvokeOptions) =>
    (...argv: readonly string[]): Promise<Invocation> =>
      run(argv, options),
})

async function run(argv: readonly string[], options: InvokeOptions): Promise<Invocation> {
  const [stdout, stderr] = [new Text(options.onStdout), new Text()]
  const signal = options.signal ?? new AbortController().signal
  const code = await runCli(argv, {
    stdin: Readable.from([options.stdin ?? '']),
    stdout,
    stderr,
    signal,
    atOnce: signal,
  })
  return { code, stdout: stdout.text, stderr: stderr.text }
}

class Text extends Writable {
  text = ''
  readonly #onText: ((text: string) => void) | undefined

  constructor(onText?: (text: string) => void) {
    super({ decodeStrings: false })
    this.#onText = onText
  }

  override _write(chunk: unknown, _encoding: string, done: () => void): void {
    this.text += String(chunk)
    this.#onText?.(String(chunk))
    done()
  }
}
