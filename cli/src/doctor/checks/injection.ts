import type { Check } from '../check.ts'
import { judgeInjection, judgeRefusal, proposePod } from '../dry-run.ts'

/** A pod that asks for it comes back with the sidecar. Nothing is stored. */
export const injectionCheck: Check = {
  id: 'injection',
  group: 'Admission',
  needsRelease: true,
  run: async ({ cluster, scope: { testNamespace } }) =>
    judgeInjection(await proposePod(cluster, testNamespace), testNamespace),
}

/** A pod on the node's network is refused. Nothing is stored. */
export const refusalCheck: Check = {
  id: 'refusal',
  group: 'Admission',
  needsRelease: true,
  run: async ({ cluster, scope: { testNamespace } }) =>
    judgeRefusal(await proposePod(cluster, testNamespace, { hostNetwork: true }), testNamespace),
}
