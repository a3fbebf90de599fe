import type { ContainerAt } from './container-problems.ts'
import type { Pod } from './pod.ts'
import type { PodProblem } from './pod-problem.ts'

/**
 * What lets a container become the sidecar's user, or change the rules of the pod's network: both of which `Redirect` rests
 * on. An image may name any user, so the manifest must.
 */
export function redirectProblems({ spec }: Pod, { container, path }: ContainerAt): readonly PodProblem[] {
  const { securityContext = {} } = container
  const { runAsUser = spec.securityContext?.runAsUser, allowPrivilegeEscalation, capabilities = {} } = securityContext
  const problems: PodProblem[] = []
  const why = 'in a pod with interception Redirect'
  const user = `${path}.securityContext.runAsUser`
  if (runAsUser === undefined)
    problems.push({ reason: 'user-unset', path: user, message: `must be set ${why}: the image could name the sidecar's` }) // prettier-ignore
  if (runAsUser === 0)
    problems.push({ reason: 'root-user', path: user, message: `must not be 0 ${why}: root could become the sidecar's` })
  if (allowPrivilegeEscalation !== false)
    problems.push({ reason: 'escalation-allowed', path: `${path}.securityContext.allowPrivilegeEscalation`, message: `must be false ${why}` }) // prettier-ignore
  if (!capabilities.drop?.includes('ALL'))
    problems.push({ reason: 'capabilities-kept', path: `${path}.securityContext.capabilities.drop`, message: `must have ALL ${why}` }) // prettier-ignore
  if ((capabilities.add ?? []).length > 0)
    problems.push({ reason: 'capability-added', path: `${path}.securityContext.capabilities.add`, message: `must be empty ${why}` }) // prettier-ignore
  return problems
}
