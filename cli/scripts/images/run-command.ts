import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { ImageError } from './image-error.ts'

const execute = promisify(execFile)

export interface CommandOptions {
  readonly cwd?: string
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>
  /** Exit codes that are an answer, beside 0. */
  readonly answers?: readonly number[]
}

/**
 * Runs a command of the building machine in the C locale.
 * @returns its standard output.
 * @throws ImageError `command-failed`
 */
export async function runCommand(file: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  try {
    const { stdout } = await execute('/usr/bin/env', variables(options).concat(file, args), {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      maxBuffer: 64 * 1024 * 1024,
    })
    return stdout
  } catch (cause) {
    if (isExit(cause) && options.answers?.includes(cause.code) === true) return cause.stdout
    const reason = cause instanceof Error ? cause.message.trim() : 'failed'
    throw new ImageError('command-failed', `${file} ${args.join(' ')}: ${reason}`, { cause })
  }
}

function isExit(cause: unknown): cause is { readonly code: number; readonly stdout: string } {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'number' && 'stdout' in cause
}

function variables({ env = {} }: CommandOptions): readonly string[] {
  return ['LC_ALL=C', ...Object.entries(env).map(([name, value]) => `${name}=${value}`)]
}
