import type { InterceptionMode } from '@sallyport/crds'
import { containerProblems, eachContainer } from './container-problems.ts'
import type { InjectionDatabase } from './databases.ts'
import { hostAliasProblems, hostProblems } from './host-problems.ts'
import { interceptionProblems } from './interception.ts'
import { injectedAnnotation, injectLabel, isOurName, mirrorAnnotation, sealAnnotation } from './names.ts'
import type { Pod } from './pod.ts'
import type { PodProblem } from './pod-problem.ts'
import { redirectProblems } from './redirect-problems.ts'
import { volumeProblems } from './volume-problems.ts'

/** What a pod is judged against. */
export interface PodRules {
  readonly mode: InterceptionMode
  /** The namespace's annotation `sallyport.dev/interception`. */
  readonly interception?: string
  readonly databases: readonly InjectionDatabase[]
  readonly controllerUrl: string
}

/** Everything in a pod without our parts that stands against them. */
export function podProblems(pod: Pod, rules: PodRules): readonly PodProblem[] {
  const containers = eachContainer(pod)
  return [
    ...metadataProblems(pod),
    ...interceptionProblems(pod, rules.interception),
    ...hostProblems(pod),
    ...hostAliasProblems(pod, rules),
    ...volumeProblems(pod),
    ...containers.flatMap(({ container, path }) => containerProblems(container, path, rules.databases)),
    ...(rules.mode === 'Redirect' ? containers.flatMap((each) => redirectProblems(pod, each)) : []),
  ]
}

function metadataProblems({ metadata }: Pod): readonly PodProblem[] {
  const problems: PodProblem[] = []
  const label = metadata.labels?.[injectLabel]
  if (label !== undefined && label !== 'enabled')
    problems.push({
      reason: 'inject-label-unknown',
      path: `metadata.labels["${injectLabel}"]`,
      message: `must be "enabled", or absent; a pod cannot leave a namespace that is enrolled`,
    })
  for (const annotation of [injectedAnnotation, sealAnnotation]) {
    if (metadata.annotations?.[annotation] === undefined) continue
    const message = 'is written by Sallyport alone, and is not of this pod; remove it'
    problems.push({ reason: 'annotation-forged', path: `metadata.annotations["${annotation}"]`, message })
  }
  if (metadata.annotations?.[mirrorAnnotation] !== undefined)
    problems.push({
      reason: 'mirror-pod',
      path: `metadata.annotations["${mirrorAnnotation}"]`,
      message: 'is for kubelets, which tell of pods that run already; remove it',
    })
  const shown = metadata.annotations?.[defaultContainerAnnotation]
  if (shown !== undefined && isOurName(shown))
    problems.push({
      reason: 'default-container',
      path: `metadata.annotations["${defaultContainerAnnotation}"]`,
      message: `${shown} is the sidecar's own, which nobody runs commands in; name a container of yours`,
    })
  return problems
}

const defaultContainerAnnotation = 'kubectl.kubernetes.io/default-container'
