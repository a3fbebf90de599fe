import type { Cluster } from './cluster.ts'
import { textAt } from './shape.ts'
import type { Target } from './target.ts'

const group = { group: 'admissionregistration.k8s.io', version: 'v1' } as const

/** What enforces at admission, in the order it is taken away: no policy shall refuse a pod because nothing injects any more. */
export const admissionKinds = {
  validatingAdmissionPolicyBinding: { ...group, resource: 'validatingadmissionpolicybindings' },
  validatingAdmissionPolicy: { ...group, resource: 'validatingadmissionpolicies' },
  mutatingWebhookConfiguration: { ...group, resource: 'mutatingwebhookconfigurations' },
  validatingWebhookConfiguration: { ...group, resource: 'validatingwebhookconfigurations' },
} as const satisfies Readonly<Record<string, Target>>

/** Selects what belongs to a release; the chart of another vendor may be part of the same release. */
export function releaseSelector(instance: string): string {
  return `app.kubernetes.io/name=sallyport,app.kubernetes.io/instance=${instance}`
}

export interface RemovalFlags {
  /** Name of the webhook configurations, as the chart's helper `sallyport.name` makes it. */
  readonly name: string
  /** Name of the release. */
  readonly instance: string
}

/**
 * Removes every admission object of a release, so that nothing of ours can refuse a pod any more. What is gone already is
 * no error.
 * @param onRemoved  hears of each, as `resource/name`.
 * @returns how many were there.
 * @throws ClusterError at the first that cannot be removed.
 */
export async function removeAdmissionObjects(
  cluster: Cluster,
  flags: RemovalFlags,
  onRemoved: (what: string) => void,
): Promise<number> {
  let count = 0
  for (const kind of Object.values(admissionKinds)) {
    for (const name of await namesOf(cluster, kind, flags)) {
      if (!(await cluster.delete({ ...kind, name }))) continue
      count += 1
      onRemoved(`${kind.resource}/${name}`)
    }
  }
  return count
}

async function namesOf(cluster: Cluster, kind: Target, { name, instance }: RemovalFlags): Promise<readonly string[]> {
  const found = new Set<string>()
  for await (const object of cluster.list(kind, { query: { labelSelector: releaseSelector(instance) } })) {
    found.add(textAt(object, 'metadata', 'name'))
  }
  // Whoever took the labels off did not take the webhooks off.
  if (kind.resource.endsWith('webhookconfigurations')) found.add(name)
  return [...found]
}
