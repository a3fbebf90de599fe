import { ConfigError, FolderError, parseSidecarConfig, runSidecar, type SidecarConfig } from '@sallyport/sidecar'
import { CliError, exitCodes, type ExitCode } from '../cli-error.ts'
import type { Io } from '../io.ts'

/**
 * `sallyport sidecar`.
 * @param argv  flags as given; those of the command itself are taken out.
 * @throws CliError `bad-flags`, `bad-manifest`, `audit-unavailable` or `sidecar-failed`.
 */
export async function runSidecarCommand(argv: readonly string[], io: Io): Promise<ExitCode> {
  const config = readConfig(withoutFlag(argv, '--opa-bin'))
  try {
    await runSidecar({ config, signal: io.signal })
  } catch (cause) {
    if (!io.signal.aborted) throw failure(cause)
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

function withoutFlag(argv: readonly string[], flag: string): readonly string[] {
  const rest: string[] = []
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] ?? ''
    if (word === flag) index++
    else if (!word.startsWith(`${flag}=`)) rest.push(word)
  }
  return rest
}
