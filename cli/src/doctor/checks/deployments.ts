import type { Check } from '../check.ts'
import type { Release, Workload } from '../facts/release.ts'
import type { Finding } from '../finding.ts'

/** Webhook and controller run, as many of them as are wanted. */
export const deploymentsCheck: Check = {
  id: 'deployments',
  group: 'Release',
  needsRelease: true,
  run: async (survey) => judgeDeployments(await survey.release()),
}

/** A webhook that cannot answer, or a controller that is away, is a failure; one replica too few is not yet. */
export function judgeDeployments(release: Release): Finding {
  const { webhook, controller, namespace, name } = release
  const problems = [
    ...(webhook ? workloadProblems(webhook) : [`${name}-webhook is not there`]),
    ...(controller ? workloadProblems(controller) : [`${name}-controller is not there`]),
  ]
  const isDown = (workload: Workload | null): boolean => !workload || workload.available === 0
  if (problems.length > 0) {
    return {
      result: isDown(webhook) || isDown(controller) ? 'Failed' : 'Warning',
      message: 'not every replica is available',
      items: problems,
      fix: `kubectl describe pods -n ${namespace} -l app.kubernetes.io/instance=${release.instance}`,
    }
  }
  const replicas = webhook?.replicas ?? 0
  if (replicas < 2) {
    return {
      result: 'Warning',
      message: 'the webhook has one replica: while it moves, enrolled namespaces get no pods',
      fix: 'set webhook.replicas to 2 or more',
    }
  }
  return { result: 'Ok', message: `${replicas} webhooks and the controller are available` }
}

function workloadProblems({ name, replicas, available, updated, trouble }: Workload): readonly string[] {
  const said = trouble === '' ? '' : `: ${trouble}`
  if (replicas === 0) return [`${name} is scaled to 0`]
  if (available < replicas) return [`${name}: ${available} of ${replicas} available${said}`]
  return updated < replicas ? [`${name}: ${updated} of ${replicas} are of the newest revision${said}`] : []
}
