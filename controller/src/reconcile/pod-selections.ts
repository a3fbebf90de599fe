import { matchesSelector } from '../grants/matches-selector.ts'
import type { LabelSelector } from '../grants/objects.ts'
import { injectedAnnotation, injectLabel } from '../injection/index.ts'
import { isRecord, type KubeObject } from '../kube/objects.ts'

/** Which pods a webhook is asked about. */
export interface PodSelection {
  readonly namespaceSelector: LabelSelector | undefined
  readonly objectSelector: LabelSelector | undefined
}

/** What enrolment means where the webhook configuration is not there to say it. */
export function defaultSelections(ownNamespace: string): readonly PodSelection[] {
  const notOurs = { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: [ownNamespace] } as const
  const enrolled = { [injectLabel]: 'enabled' }
  return [
    { namespaceSelector: { matchLabels: enrolled, matchExpressions: [notOurs] }, objectSelector: undefined },
    { namespaceSelector: { matchExpressions: [notOurs] }, objectSelector: { matchLabels: enrolled } },
  ]
}

/** The selections of those webhooks in a MutatingWebhookConfiguration that are asked about new pods. */
export function parseSelections(configuration: unknown): readonly PodSelection[] {
  const webhooks = isRecord(configuration) && Array.isArray(configuration.webhooks) ? configuration.webhooks : []
  return webhooks.filter(isRecord).flatMap(({ rules, namespaceSelector, objectSelector }) => {
    const isAskedAboutPods = Array.isArray(rules) && rules.some((rule) => isRecord(rule) && Array.isArray(rule.resources) && rule.resources.includes('pods')) // prettier-ignore
    if (!isAskedAboutPods) return []
    // The API server has checked their shape.
    const selectorOf = (value: unknown) => (isRecord(value) ? (value as unknown as LabelSelector) : undefined)
    return [{ namespaceSelector: selectorOf(namespaceSelector), objectSelector: selectorOf(objectSelector) }]
  })
}

/** The pod is one the webhook would be asked about, and has no sidecar. Whether it still runs is not in its metadata. */
export function lacksSidecar(
  { metadata }: KubeObject,
  namespaceLabels: Readonly<Record<string, string>> | undefined,
  selections: readonly PodSelection[],
): boolean {
  const { annotations = {}, labels, deletionTimestamp } = metadata
  if (deletionTimestamp !== undefined || injectedAnnotation in annotations || mirrorAnnotation in annotations)
    return false
  return selections.some(
    ({ namespaceSelector, objectSelector }) =>
      matchesSelector(namespaceSelector, namespaceLabels) && matchesSelector(objectSelector, labels),
  )
}

/** On the pods a kubelet shows for what runs from its own files. */
const mirrorAnnotation = 'kubernetes.io/config.mirror'
