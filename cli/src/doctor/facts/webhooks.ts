import { admissionKinds } from '../admission-objects.ts'
import type { Cluster } from '../cluster.ts'
import { at, listAt, textAt } from '../shape.ts'

/** One entry of a webhook configuration. */
export interface WebhookFact {
  readonly kind: 'Mutating' | 'Validating'
  readonly name: string
  readonly failurePolicy: string
  /** PEM; '' where it is not set. */
  readonly caBundle: string
  /** Host the API server calls, as a certificate names it. */
  readonly host: string
  readonly namespaceSelector: unknown
  readonly objectSelector: unknown
  /** Resources as `group/resource`, those of the core group as `pods`. */
  readonly resources: readonly string[]
}

/** Null: there is no such configuration. */
export interface WebhookFacts {
  readonly mutating: readonly WebhookFact[] | null
  readonly validating: readonly WebhookFact[] | null
}

/** @param name of both configurations. @throws ClusterError */
export async function readWebhooks(cluster: Cluster, name: string): Promise<WebhookFacts> {
  const { mutatingWebhookConfiguration, validatingWebhookConfiguration } = admissionKinds
  const mutating = await cluster.find({ ...mutatingWebhookConfiguration, name })
  const validating = await cluster.find({ ...validatingWebhookConfiguration, name })
  return {
    mutating: mutating === null ? null : parseWebhooks('Mutating', mutating),
    validating: validating === null ? null : parseWebhooks('Validating', validating),
  }
}

/** Entries of a configuration. */
export function parseWebhooks(kind: WebhookFact['kind'], configuration: unknown): readonly WebhookFact[] {
  return listAt(configuration, 'webhooks').map((webhook) => ({
    kind,
    name: textAt(webhook, 'name'),
    failurePolicy: textAt(webhook, 'failurePolicy'),
    caBundle: Buffer.from(textAt(webhook, 'clientConfig', 'caBundle'), 'base64').toString(),
    host: hostOf(at(webhook, 'clientConfig')),
    namespaceSelector: at(webhook, 'namespaceSelector'),
    objectSelector: at(webhook, 'objectSelector'),
    resources: listAt(webhook, 'rules').flatMap((rule) =>
      listAt(rule, 'apiGroups').flatMap(
        (group) =>
        listAt(rule, 'resources').map((resource) => (group === '' ? String(resource) : `${String(group)}/${String(resource)}`)), // prettier-ignore
      ),
    ),
  }))
}

function hostOf(clientConfig: unknown): string {
  const url = textAt(clientConfig, 'url')
  if (url !== '') return URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, '') : ''
  return `${textAt(clientConfig, 'service', 'name')}.${textAt(clientConfig, 'service', 'namespace')}.svc`
}
