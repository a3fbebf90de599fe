import { interceptionModes } from '@sallyport/crds'
import { interceptionAnnotation, names, sealAnnotation } from './names.ts'
import { foundParts, withoutParts } from './parts.ts'
import { parsePod } from './pod.ts'
import { podProblems } from './pod-problems.ts'
import { isSealed, serviceAccountOf } from './seal.ts'

/**
 * Why a live pod is not one the webhook made, in a sentence without secrets; null: it is. What the Databases are by now is
 * not asked: it decides about pods that are made, not about those that run.
 */
export function findForgery(value: unknown, namespace: string, sealKey: Buffer): string | null {
  const pod = parsePod(value)
  if (!pod) return 'it cannot be read'
  const { annotations = {} } = pod.metadata
  const seal = annotations[sealAnnotation]
  if (seal === undefined) return 'the webhook has not made it; delete it, so that it is made again'
  const mode = interceptionModes.find((one) => one === annotations[interceptionAnnotation])
  if (!mode) return `its annotation ${interceptionAnnotation} was changed`
  const expected = mode === 'Redirect' ? [names.redirect, names.probe, names.sidecar] : [names.sidecar]
  const first = (pod.spec.initContainers ?? []).slice(0, expected.length).map(({ name }) => name)
  if (first.join() !== expected.join()) return `its first containers are not ${expected.join(', ')}`
  const sealed = { namespace, serviceAccountName: serviceAccountOf(pod), mode, parts: foundParts(pod) }
  if (!isSealed(sealKey, sealed, seal))
    return 'its sidecar, volumes of the sidecar, mode or ServiceAccount are not those it was made with'
  const [problem] = podProblems(withoutParts(pod), { mode, databases: [], controllerUrl: '' })
  return problem ? `${problem.reason} at ${problem.path}` : null
}
