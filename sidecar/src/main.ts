import { AuditError } from './model/audit-event.ts'
import { ConfigError, parseSidecarConfig } from './config.ts'
import { runSidecar } from './run-sidecar.ts'
import { createLogger } from './telemetry.ts'

/**
 * The sidecar's own executable: 0 after SIGTERM, 1 on failure, 2 on unusable flags.
 *
 * SIGTERM, which the kubelet sends, lets open connections end by themselves; a second one, and SIGINT, end at once.
 */
const drain = new AbortController()
const stop = new AbortController()
process.on('SIGTERM', () => (drain.signal.aborted ? stop.abort() : drain.abort()))
process.on('SIGINT', () => stop.abort())
// Nothing is known of the state then; the kubelet starts a fresh one, and connections are refused until it serves.
process.on('uncaughtException', (cause) => {
  createLogger('fatal').fatal({ err: cause }, 'the sidecar has crashed')
  process.exit(1)
})

process.exit(await run())

async function run(): Promise<number> {
  try {
    const config = parseSidecarConfig(process.argv.slice(2))
    await runSidecar({ config, signal: stop.signal, drain: drain.signal })
    return 0
  } catch (cause) {
    process.stderr.write(`sallyport-sidecar: ${describe(cause)}\n`)
    return cause instanceof ConfigError ? 2 : 1
  }
}

function describe(cause: unknown): string {
  if (cause instanceof ConfigError) return cause.problems.map((problem) => `\n  ${problem}`).join('')
  if (cause instanceof AuditError) return `audit-unavailable: ${cause.message}`
  return cause instanceof Error ? cause.message : 'failed'
}
