import { CliError, exitCodes, type ExitCode } from '../cli-error.ts'
import { removeAdmissionObjects, type RemovalFlags } from '../doctor/admission-objects.ts'
import { Cluster, type ClusterFlags } from '../doctor/cluster.ts'
import { judgeInjection, judgeRefusal, proposePod } from '../doctor/dry-run.ts'
import { ClusterError } from '../doctor/errors.ts'
import type { Finding } from '../doctor/finding.ts'
import type { Io } from '../io.ts'

export type PreDeleteFlags = ClusterFlags & RemovalFlags

export interface HookTestFlags extends ClusterFlags {
  readonly name: string
  readonly namespace: string
  readonly testNamespace: string
}

/**
 * `sallyport hook pre-delete`: before a release goes, takes away whatever of it could refuse a pod. May be repeated.
 * @throws CliError `no-cluster`, `missing-right` or `cluster-refused`.
 */
export async function runPreDeleteHook(flags: PreDeleteFlags, io: Io): Promise<ExitCode> {
  return withCluster(flags, async (cluster) => {
    const count = await removeAdmissionObjects(cluster, flags, (what) => io.stdout.write(`removed ${what}\n`))
    io.stdout.write(
      count === 0
        ? `nothing to remove: release ${flags.instance} has no admission object\n`
        : `release ${flags.instance} enforces nothing any more: pods are created without a sidecar\n`,
    )
    return exitCodes.ok
  })
}

/**
 * `sallyport hook test`: 0 when the installed webhook puts the sidecar into a pod and refuses one on the node's network.
 * Nothing is stored.
 * @throws CliError `no-cluster`.
 */
export async function runTestHook(flags: HookTestFlags, io: Io): Promise<ExitCode> {
  return withCluster(flags, async (cluster) => {
    const injected = await proposePod(cluster, flags.testNamespace)
    const refused = await proposePod(cluster, flags.testNamespace, { hostNetwork: true })
    const findings = [judgeInjection(injected, flags.testNamespace), judgeRefusal(refused, flags.testNamespace)]
    for (const finding of findings) tell(finding, io)
    return findings.every(({ result }) => result === 'Ok') ? exitCodes.ok : exitCodes.failed
  })
}

/** A test that could not be made proves nothing, so it is no success. */
function tell(finding: Finding, io: Io): void {
  if (finding.result === 'Ok') {
    io.stdout.write(`ok: ${finding.message}\n`)
    return
  }
  const more = finding.result === 'Skipped' ? finding.right : finding.fix
  io.stderr.write(`sallyport: test-${finding.result.toLowerCase()}: ${finding.message}${more === undefined ? '' : `; ${more}`}\n`) // prettier-ignore
}

async function withCluster(flags: ClusterFlags, work: (cluster: Cluster) => Promise<ExitCode>): Promise<ExitCode> {
  const cluster = Cluster.open(flags, Date.now)
  try {
    return await work(cluster)
  } catch (cause) {
    if (!(cause instanceof ClusterError)) throw cause
    if (cause.code === 'missing-right') {
      throw new CliError('missing-right', `${cause.message}\nneeded: ${cause.right ?? ''}`, exitCodes.failed, { cause })
    }
    const isAway = cause.code === 'unreachable' || cause.code === 'unauthorized'
    throw new CliError(
      isAway ? 'no-cluster' : 'cluster-refused',
      cause.message,
      isAway ? exitCodes.unusable : exitCodes.failed,
      { cause },
    )
  } finally {
    cluster.close()
  }
}
