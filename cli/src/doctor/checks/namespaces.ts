import type { Check } from '../check.ts'
import { injectLabel, type NamespaceFact } from '../facts/namespaces.ts'
import { selects } from '../facts/selector.ts'
import type { WebhookFact } from '../facts/webhooks.ts'
import type { Finding } from '../finding.ts'
import { plural } from '../text.ts'

/** Which namespaces are enrolled, and whether that has the effect it should. */
export const namespacesCheck: Check = {
  id: 'namespaces',
  group: 'Workloads',
  needsRelease: true,
  run: async (survey) => {
    const namespaces = await survey.namespaces()
    const { mutating } = await survey.webhooks()
    return judgeNamespaces(namespaces, mutating ?? [])
  },
}

/** @param mutating  webhooks in force. */
export function judgeNamespaces(namespaces: readonly NamespaceFact[], mutating: readonly WebhookFact[]): Finding {
  const enrolled = namespaces.filter(({ labels }) => labels[injectLabel] === 'enabled')
  const problems = namespaces.flatMap((namespace) => problemsOf(namespace, mutating).map((problem) => `${namespace.name}: ${problem}`)) // prettier-ignore
  if (problems.length > 0) {
    return {
      result: 'Warning',
      message: `what ${plural(problems.length, 'label or annotation', 'labels and annotations')} of namespaces ask for is not what happens`,
      items: problems,
      fix: `the label is ${injectLabel}=enabled, and webhook.excludedNamespaces are left alone; see docs/operations.md`,
    }
  }
  if (enrolled.length === 0) {
    return {
      result: 'Warning',
      message: 'no namespace is enrolled: only pods that ask for it by label get a sidecar',
      fix: `kubectl label namespace NAME ${injectLabel}=enabled`,
    }
  }
  return {
    result: 'Ok',
    message: `${plural(enrolled.length, 'namespace')} enrolled`,
    items: enrolled.map(({ name, interception }) => `${name} (${interception === '' ? 'Local' : interception})`),
  }
}

function problemsOf({ labels, interception }: NamespaceFact, mutating: readonly WebhookFact[]): readonly string[] {
  const value = labels[injectLabel] ?? ''
  if (value !== 'enabled') return [`the label has the value "${value}", which enrols nothing`]
  const isSeen = mutating.some(({ resources, namespaceSelector, objectSelector }) => resources.includes('pods') && selects(namespaceSelector, labels) && selects(objectSelector, {})) // prettier-ignore
  const problems = isSeen || mutating.length === 0 ? [] : ['is enrolled, and no webhook sees its pods']
  if (interception !== '' && interception !== 'Local' && interception !== 'Redirect')
    problems.push(`interception "${interception}" is not known, so its pods are refused`)
  const level = labels['pod-security.kubernetes.io/enforce'] ?? 'privileged'
  if (interception === 'Redirect' && level !== 'privileged')
    problems.push(`interception Redirect needs NET_ADMIN in an init container, which PodSecurity ${level} refuses`)
  return problems
}
