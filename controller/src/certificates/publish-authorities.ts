import type { KubeClient } from '../kube/client.ts'
import { isRecord } from '../kube/objects.ts'

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
    const path = `/apis/admissionregistration.k8s.io/v1/${kind}/${name}`
    const patch = patchFor(await client.request({ path }), caBundle)
    if (patch.length === 0) continue
    await client.request({ method: 'PATCH', path, body: patch, contentType: 'application/json-patch+json' })
  }
}

interface PatchOperation {
  readonly op: 'add' | 'test'
  readonly path: string
  readonly value: string
}

function patchFor(configuration: unknown, caBundle: string): readonly PatchOperation[] {
  const webhooks = isRecord(configuration) && Array.isArray(configuration.webhooks) ? configuration.webhooks : []
  return webhooks.flatMap((webhook: unknown, index): readonly PatchOperation[] => {
    if (!isRecord(webhook) || !isRecord(webhook.clientConfig) || typeof webhook.name !== 'string') return []
    if (webhook.clientConfig.caBundle === caBundle) return []
    return [
      { op: 'test', path: `/webhooks/${index}/name`, value: webhook.name },
      { op: 'add', path: `/webhooks/${index}/clientConfig/caBundle`, value: caBundle },
    ]
  })
}
