import { matchesSelector } from './matches-selector.ts'
import type { PolicyObject } from './objects.ts'

/**
 * The policies every statement under grants of a namespace is judged by: its own AccessPolicies and the
 * ClusterAccessPolicies that select it. Disabled ones apply to nothing.
 */
export function applicablePolicies(
  policies: readonly PolicyObject[],
  namespace: string,
  namespaceLabels: Readonly<Record<string, string>> | undefined,
): readonly PolicyObject[] {
  return policies.filter((policy) => {
    if (policy.spec.mode === 'Disabled' || policy.metadata.deletionTimestamp !== undefined) return false
    if (policy.kind === 'AccessPolicy') return policy.metadata.namespace === namespace
    return matchesSelector(policy.spec.namespaceSelector, namespaceLabels)
  })
}

/** `AccessPolicy agents/business-hours`: how messages name a policy. */
export function policyName(policy: PolicyObject): string {
  const { namespace, name } = policy.metadata
  return `${policy.kind} ${namespace === undefined ? name : `${namespace}/${name}`}`
}
