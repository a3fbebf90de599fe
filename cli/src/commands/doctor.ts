import manifest from '../../package.json' with { type: 'json' }
import { CliError, exitCodes, type ExitCode } from '../cli-error.ts'
import { Cluster, type ClusterFlags } from '../doctor/cluster.ts'
import { ClusterError } from '../doctor/errors.ts'
import { formatCheck, formatSummary, makeReport, reportCheck, type ReportedCheck } from '../doctor/report.ts'
import { runChecks } from '../doctor/run-checks.ts'
import { Survey } from '../doctor/survey.ts'
import type { Io } from '../io.ts'

export interface DoctorFlags extends ClusterFlags {
  readonly name: string
  readonly namespace: string
  readonly testNamespace: string
  readonly output: 'table' | 'json'
}

/**
 * `sallyport doctor`: 0 when nothing failed, 1 when something did. It changes nothing and prints no secret.
 * @throws CliError `no-cluster` where the API server does not answer, or knows nobody of this name.
 */
export async function runDoctor(flags: DoctorFlags, io: Io): Promise<ExitCode> {
  const cluster = Cluster.open(flags, Date.now)
  const { namespace, name, testNamespace } = flags
  const about = { version: manifest.version, server: cluster.server, release: { namespace, name } }
  const told: ReportedCheck[] = []
  try {
    for await (const checked of runChecks(new Survey(cluster, { namespace, name, testNamespace }, Date.now))) {
      const next = reportCheck(checked)
      if (flags.output === 'table') io.stdout.write(formatCheck(next, told.at(-1) ?? null))
      told.push(next)
    }
  } catch (cause) {
    if (!(cause instanceof ClusterError)) throw cause
    throw new CliError('no-cluster', `${cluster.server}: ${cause.message}`, exitCodes.unusable, { cause })
  } finally {
    cluster.close()
  }
  const report = makeReport(about, told)
  io.stdout.write(flags.output === 'json' ? `${JSON.stringify(report, null, 2)}\n` : formatSummary(report))
  return report.result === 'Failed' ? exitCodes.failed : exitCodes.ok
}
