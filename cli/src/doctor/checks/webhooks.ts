import type { Check } from '../check.ts'
import { injectLabel } from '../facts/namespaces.ts'
import { parsePem } from '../facts/pem.ts'
import { selects } from '../facts/selector.ts'
import type { WebhookFact, WebhookFacts } from '../facts/webhooks.ts'
import type { Finding } from '../finding.ts'

/** What the chart installs. */
export const expectedWebhooks = {
  Mutating: ['pods.sallyport.dev', 'labelled-pods.sallyport.dev', 'accessgrants.sallyport.dev'],
  Validating: [
    'accessgrants.sallyport.dev',
    'accesspolicies.sallyport.dev',
    'clusteraccesspolicies.sallyport.dev',
    'databases.sallyport.dev',
  ],
} as const satisfies Readonly<Record<WebhookFact['kind'], readonly string[]>>

/** The webhook configurations are whole, closed on failure, and reach enrolled namespaces and no other. */
export const webhooksCheck: Check = {
  id: 'webhooks',
  group: 'Admission',
  needsRelease: true,
  run: async (survey) => judgeWebhooks(await survey.webhooks(), survey.scope.namespace),
}

/** @param own  namespace of the release. */
export function judgeWebhooks({ mutating, validating }: WebhookFacts, own: string): Finding {
  const fix = 'repair them: helm upgrade with the values of the release, or what keeps it (Argo CD, Flux)'
  const missing = [...(mutating ? [] : ['MutatingWebhookConfiguration']), ...(validating ? [] : ['ValidatingWebhookConfiguration'])] // prettier-ignore
  if (!mutating || !validating) return { result: 'Failed', message: 'not every webhook configuration is there', items: missing, fix } // prettier-ignore
  const present = [...mutating, ...validating]
  const problems = [
    ...absent('Mutating', mutating),
    ...absent('Validating', validating),
    ...present.flatMap(entryProblems),
    ...scopeProblems(mutating, own),
  ]
  if (problems.length > 0) return { result: 'Failed', message: 'the webhook configurations are not as installed', items: problems, fix } // prettier-ignore
  return { result: 'Ok', message: `${present.length} webhooks, with caBundle and failurePolicy Fail, for enrolled namespaces and labelled pods` } // prettier-ignore
}

function absent(kind: WebhookFact['kind'], webhooks: readonly WebhookFact[]): readonly string[] {
  const present = new Set(webhooks.map(({ name }) => name))
  return expectedWebhooks[kind].filter((name) => !present.has(name)).map((name) => `${kind} ${name}: is not there`)
}

function entryProblems({ kind, name, caBundle, failurePolicy }: WebhookFact): readonly string[] {
  const problems: string[] = []
  if (parsePem(caBundle).length === 0) problems.push('caBundle is not set, so the API server trusts it not')
  if (failurePolicy !== 'Fail') problems.push(`failurePolicy is ${failurePolicy}, so what it should see passes while it is away`) // prettier-ignore
  return problems.map((problem) => `${kind} ${name}: ${problem}`)
}

const enrolled = { [injectLabel]: 'enabled' }
const inNamespace = (
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> => ({
  ...labels,
  'kubernetes.io/metadata.name': name,
})

/** Asked by example: which pods of which namespaces would come by. */
function scopeProblems(mutating: readonly WebhookFact[], own: string): readonly string[] {
  const onPods = mutating.filter(({ resources }) => resources.includes('pods'))
  const sees = (
    namespace: Readonly<Record<string, string>>,
    pod: Readonly<Record<string, string>>,
  ): readonly string[] =>
    onPods
      .filter(
        ({ namespaceSelector, objectSelector }) =>
          selects(namespaceSelector, namespace) && selects(objectSelector, pod),
      ) // prettier-ignore
      .map(({ name }) => name)
  const problems: string[] = []
  if (sees(inNamespace('agents', enrolled), {}).length === 0) problems.push('no webhook sees the pods of enrolled namespaces') // prettier-ignore
  if (sees(inNamespace('others'), enrolled).length === 0) problems.push('no webhook sees labelled pods elsewhere')
  for (const name of sees(inNamespace('others'), {}))
    problems.push(`Mutating ${name}: sees pods that nobody enrolled, which wait for it`)
  for (const name of sees(inNamespace(own, enrolled), enrolled))
    problems.push(`Mutating ${name}: sees the pods of ${own}, so that it could not be started again once it is down`)
  return problems
}
