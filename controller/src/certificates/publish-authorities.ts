import type { KubeClient } from '../kube/client.ts'
import { isKubeError } from '../kube/errors.ts'
import { isRecord } from '../kube/objects.ts'
import { isTrusted } from './serving-problem.ts'

const kinds = ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'] as const

/**
 * Tells the API server whom to trust: sets `caBundle` of every webhook in our two configurations. They are installed with
 * the release; without them nothing is injected and nothing refused, so that is an error.
 * @param name  of both configurations.
 * @throws KubeError
 */
export async function publishAuthorities(client: KubeClient, name: string, bundle: string): Promise<void> {
  const caBundle = Buffer.from(bundle).toString('base64')
  for (const kind of kinds) {
    const path = pathOf(kind, name)
    const patch = patchFor(await client.request({ path }), caBundle)
    if (patch.length === 0) continue
    await client.request({ method: 'PATCH', path, body: patch, contentType: 'application/json-patch+json' })
  }
}

/**
 * Asks whether the API server believes who serves this chain, at every webhook of our two configurations.
 * @returns why not; null: it does.
 * @throws KubeError
 */
export async function trustProblem(
  client: KubeClient,
  name: string,
  chain: string,
  nowMs: number,
): Promise<string | null> {
  for (const kind of kinds) {
    const configuration = await read(client, pathOf(kind, name))
    if (configuration === null) return `${kind} ${name} does not exist`
    for (const { name: webhook, caBundle } of webhooksOf(configuration)) {
      const bundle = Buffer.from(caBundle ?? '', 'base64').toString('utf8')
      if (!isTrusted(chain, bundle, nowMs))
        return `caBundle of the webhook ${webhook} ${caBundle === null ? 'is not set' : 'is of another authority'}`
    }
  }
  return null
}

function pathOf(kind: string, name: string): string {
  return `/apis/admissionregistration.k8s.io/v1/${kind}/${name}`
}

async function read(client: KubeClient, path: string): Promise<unknown> {
  try {
    return await client.request({ path })
  } catch (error) {
    if (isKubeError(error, 'not-found')) return null
    throw error
  }
}

interface Webhook {
  readonly index: number
  readonly name: string
  /** Base64 of PEM. */
  readonly caBundle: string | null
}

function webhooksOf(configuration: unknown): readonly Webhook[] {
  const webhooks = isRecord(configuration) && Array.isArray(configuration.webhooks) ? configuration.webhooks : []
  return webhooks.flatMap((webhook: unknown, index): readonly Webhook[] => {
    if (!isRecord(webhook) || !isRecord(webhook.clientConfig) || typeof webhook.name !== 'string') return []
    const { caBundle } = webhook.clientConfig
    return [{ index, name: webhook.name, caBundle: typeof caBundle === 'string' ? caBundle : null }]
  })
}

interface PatchOperation {
  readonly op: 'add' | 'test'
  readonly path: string
  readonly value: string
}

function patchFor(configuration: unknown, wanted: string): readonly PatchOperation[] {
  return webhooksOf(configuration)
    .filter(({ caBundle }) => caBundle !== wanted)
    .flatMap(({ index, name }) => [
      { op: 'test', path: `/webhooks/${index}/name`, value: name },
      { op: 'add', path: `/webhooks/${index}/clientConfig/caBundle`, value: wanted },
    ])
}
