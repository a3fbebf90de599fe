import { interceptionModes, type InterceptionMode } from '@sallyport/crds'
import { interceptionAnnotation } from './names.ts'
import type { Pod } from './pod.ts'
import type { PodProblem } from './pod-problem.ts'

/** The stricter of what pod and namespace ask for; `Local` where both say nothing. */
export function interceptionOf(pod: Pod, ofNamespace: string | undefined): InterceptionMode {
  const asked = [pod.metadata.annotations?.[interceptionAnnotation], ofNamespace]
  return asked.every((value) => value === undefined || value === 'Local') ? 'Local' : 'Redirect'
}

/** What is wrong with how pod or namespace ask. */
export function interceptionProblems(pod: Pod, ofNamespace: string | undefined): readonly PodProblem[] {
  const ofPod = pod.metadata.annotations?.[interceptionAnnotation]
  const path = `metadata.annotations["${interceptionAnnotation}"]`
  const problems: PodProblem[] = []
  if (!isKnown(ofPod)) problems.push({ reason: 'interception-unknown', path, message: `must be ${known}, or absent` })
  if (!isKnown(ofNamespace))
    problems.push({
      reason: 'interception-unknown',
      path: `namespace ${path}`,
      message: `must be ${known}, or absent; ask whoever administers the namespace`,
    })
  if (ofPod === 'Local' && ofNamespace === 'Redirect')
    problems.push({
      reason: 'interception-loosened',
      path,
      message: 'the namespace says "Redirect", which a pod cannot loosen; remove the annotation',
    })
  return problems
}

const known = interceptionModes.map((mode) => `"${mode}"`).join(' or ')

function isKnown(value: string | undefined): boolean {
  return value === undefined || interceptionModes.some((mode) => mode === value)
}
