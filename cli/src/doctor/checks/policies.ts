import type { Check } from '../check.ts'
import { conditionOf, createdMsOf, nameOf, type FoundCondition } from '../facts/conditions.ts'
import type { Finding } from '../finding.ts'
import { plural } from '../text.ts'

export interface PolicyFact {
  /** With its kind: two kinds are judged together. */
  readonly key: string
  readonly createdMs: number
  readonly compiled: FoundCondition | null
  readonly ready: FoundCondition | null
}

/** Policies are compiled and in force. */
export const policiesCheck: Check = {
  id: 'policies',
  group: 'Access',
  needsRelease: true,
  run: async (survey) => {
    const facts: PolicyFact[] = []
    for (const [kind, resource] of Object.entries(resources))
      for await (const object of survey.cluster.list({ group: 'sallyport.dev', version: 'v1alpha1', resource }))
        facts.push({
          key: `${kind} ${nameOf(object)}`,
          createdMs: createdMsOf(object),
          compiled: conditionOf(object, 'Compiled'),
          ready: conditionOf(object, 'Ready'),
        })
    return judgePolicies(facts, survey.nowMs())
  },
}

const resources = { AccessPolicy: 'accesspolicies', ClusterAccessPolicy: 'clusteraccesspolicies' } as const
const patienceMs = 60_000

/** A policy that never compiled closes the databases it guards; of one whose last good module is in force users see nothing. */
export function judgePolicies(policies: readonly PolicyFact[], nowMs: number): Finding {
  const broken = policies.filter(({ compiled }) => compiled?.status === 'False')
  const closed = broken.filter(({ ready }) => ready?.reason !== 'LastGoodInForce')
  const unseen = policies.filter(({ compiled, createdMs }) => compiled === null && nowMs - createdMs > patienceMs)
  const fix = 'repair the Rego: kubectl describe tells row and column; opa check --strict finds the same'
  const items = [
    ...broken.map(({ key, ready, compiled }) => `${key}: ${ready?.reason ?? ''}: ${firstLine(compiled?.message)}`),
    ...unseen.map(({ key }) => `${key}: the controller has not looked at it`),
  ]
  if (closed.length > 0) {
    return { result: 'Failed', message: `${plural(closed.length, 'policy', 'policies')} of ${policies.length} never compiled: databases they guard are closed`, items, fix } // prettier-ignore
  }
  if (items.length > 0) {
    return { result: 'Warning', message: `${plural(items.length, 'policy', 'policies')} of ${policies.length} are not in force as written`, items, fix } // prettier-ignore
  }
  return { result: 'Ok', message: policies.length === 0 ? 'no policy but the built-in guardrails' : `${plural(policies.length, 'policy', 'policies')}, all compiled` } // prettier-ignore
}

function firstLine(text = ''): string {
  return text.split('\n')[0] ?? ''
}
