import type { Check } from '../check.ts'
import type { NamespaceFact } from '../facts/namespaces.ts'
import type { PodFact } from '../facts/pods.ts'
import { selects } from '../facts/selector.ts'
import type { WebhookFact } from '../facts/webhooks.ts'
import type { Finding } from '../finding.ts'
import { plural } from '../text.ts'

/** Every pod that should have a sidecar has one. */
export const podsInjectedCheck: Check = {
  id: 'pods-injected',
  group: 'Workloads',
  needsRelease: true,
  run: async (survey) => {
    const pods = await survey.pods()
    const namespaces = await survey.namespaces()
    const { mutating } = await survey.webhooks()
    return judgePodsInjected(pods, seenNamespaces(namespaces, mutating))
  },
}

/** Those a pod webhook is called for; those of a label alone where the webhooks are not there to ask. */
function seenNamespaces(
  namespaces: readonly NamespaceFact[],
  mutating: readonly WebhookFact[] | null,
): ReadonlySet<string> {
  // prettier-ignore
  const onPods = (mutating ?? []).filter(({ resources }) => resources.includes('pods'))
  const isSeen = (labels: NamespaceFact['labels']): boolean =>
    onPods.length === 0 || onPods.some(({ namespaceSelector }) => selects(namespaceSelector, labels))
  return new Set(namespaces.filter(({ labels }) => isSeen(labels)).map(({ name }) => name))
}

/**
 * Without a sidecar a pod has no login, and reaches no data.
 * @param namespaces  enrolled, and not left out by the webhooks.
 */
export function judgePodsInjected(pods: readonly PodFact[], namespaces: ReadonlySet<string>): Finding {
  const naked = pods.filter((pod) => pod.sidecarImage === null && (pod.isLabelled || namespaces.has(pod.namespace)))
  const injected = pods.filter(({ sidecarImage }) => sidecarImage !== null)
  const [first] = naked
  if (!first) return { result: 'Ok', message: `${plural(injected.length, 'pod')} with a sidecar, none without` }
  return {
    result: 'Warning',
    message: `${plural(naked.length, 'enrolled pod')} ${naked.length === 1 ? 'has' : 'have'} no sidecar: made before the enrolment, or while enforcement was off`,
    items: naked.map(({ key, owner }) => `${key} (${owner})`),
    fix: first.owner.startsWith('pod/')
      ? `make them anew: kubectl delete ${first.owner} -n ${first.namespace}, and create it again`
      : `make them anew: kubectl rollout restart ${first.owner} -n ${first.namespace}`,
  }
}
