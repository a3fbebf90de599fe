import { setTimeout as delay } from 'node:timers/promises'
import { runAny, type RunResult } from '../rig/process.ts'

/** A step that is not as it must be. */
export class DemoError extends Error {
  override readonly name = 'DemoError'
}

/** Prints what is done and what came back, and ends the demo at the first thing that is not as it must be. */
export class Stage {
  readonly #startedMs = performance.now()
  #step = 0

  /** Begins a step. */
  step(title: string): void {
    this.#step += 1
    const seconds = ((performance.now() - this.#startedMs) / 1000).toFixed(0)
    this.print(`\n== ${this.#step}. ${title}  (${seconds} s)`)
  }

  print(text: string): void {
    process.stdout.write(`${text}\n`)
  }

  say(text: string): void {
    this.print(`   ${text}`)
  }

  /**
   * Runs a command, printed as a user would type it.
   * @param shown  what is printed in place of the command.
   */
  async run(
    shown: string,
    command: string,
    args: readonly string[],
    options: { readonly env?: NodeJS.ProcessEnv; readonly input?: string; readonly lines?: number } = {},
  ): Promise<RunResult> {
    this.print(`$ ${shown}`)
    const { env = process.env, input, lines = 40 } = options
    const result = await runAny(command, args, { env, ...(input === undefined ? {} : { input }) })
    this.print(shorten(`${result.stdout}${result.stderr}`.trimEnd(), lines))
    return result
  }

  /** @throws DemoError unless it holds. */
  must(holds: boolean, what: string): void {
    if (!holds) throw new DemoError(`not as it must be: ${what}`)
  }

  /** Waits until `read` gives a value. @throws DemoError when it does not within 60 s. */
  async until<T>(what: string, read: () => Promise<T | null>): Promise<T> {
    const deadline = performance.now() + 60_000
    for (;;) {
      const value = await read()
      if (value !== null) return value
      if (performance.now() > deadline) throw new DemoError(`not within 60 s: ${what}`)
      await delay(50)
    }
  }
}

function shorten(text: string, lines: number): string {
  const all = text.split('\n')
  return all.length <= lines ? text : [...all.slice(0, lines), `… ${all.length - lines} more lines`].join('\n')
}
