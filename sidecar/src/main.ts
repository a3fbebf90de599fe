import { AuditError } from './model/audit-event.ts'
import { ConfigError, parseSidecarConfig } from './config.ts'
import { runSidecar } from './run-sidecar.ts'

/** The sidecar's own executable: 0 after SIGTERM, 1 on failure, 2 on unusable flags. */
const stop = new AbortController()
for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => stop.abort())

try {
  await runSidecar({ config: parseSidecarConfig(process.argv.slice(2)), signal: stop.signal })
  process.exitCode = 0
} catch (cause) {
  const aborted = stop.signal.aborted
  if (!aborted) process.stderr.write(`sallyport-sidecar: ${describe(cause)}\n`)
  process.exitCode = aborted ? 0 : cause instanceof ConfigError ? 2 : 1
}

function describe(cause: unknown): string {
  if (cause instanceof ConfigError) return cause.problems.map((problem) => `\n  ${problem}`).join('')
  if (cause instanceof AuditError) return `audit-unavailable: ${cause.message}`
  return cause instanceof Error ? cause.message : 'failed'
}
