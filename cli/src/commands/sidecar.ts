import { ConfigError, FolderError, parseSidecarConfig, runSidecar, type SidecarConfig } from '@sallyport/sidecar'
import { CliError, exitCodes, type ExitCode } from '../cli-error.ts'
import type { Io } from '../io.ts'
import { folderCompiler } from '../policy-compiler.ts'

/**
 * `sallyport sidecar`.
 * @param argv  flags as given; those of the command itself are taken out.
 * @throws CliError `bad-flags`, `bad-manifest`, `audit-unavailable` or `sidecar-failed`.
 */
export async function runSidecarCommand(argv: readonly string[], io: Io): Promise<ExitCode> {
  const { rest, value } = takeFlag(argv, '--opa-bin')
  const config = readConfig(rest)
  try {
    await runSidecar({ config, signal: io.atOnce, drain: io.signal, compilePolicy: folderCompiler(value) })
  } catch (cause) {
    throw failure(cause)
  }
  return exitCodes.ok
}

function readConfig(argv: readonly string[]): SidecarConfig {
  try {
    return parseSidecarConfig(argv)
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause
    throw new CliError('bad-flags', cause.problems.join('\n'), exitCodes.unusable, { cause })
  }
}

function failure(cause: unknown): CliError {
  const message = cause instanceof Error ? cause.message : 'unknown'
  if (cause instanceof FolderError) return new CliError('bad-manifest', message, exitCodes.unusable, { cause })
  const reason = cause instanceof Error && cause.name === 'AuditError' ? 'audit-unavailable' : 'sidecar-failed'
  return new CliError(reason, message, exitCodes.failed, { cause })
}

function takeFlag(
  argv: readonly string[],
  flag: string,
): { readonly rest: readonly string[]; readonly value?: string } {
  const rest: string[] = []
  let value: string | undefined
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] ?? ''
    if (word === flag) value = argv[++index]
    else if (word.startsWith(`${flag}=`)) value = word.slice(flag.length + 1)
    else rest.push(word)
  }
  return value === undefined ? { rest } : { rest, value }
}
