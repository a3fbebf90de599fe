import type { Check } from '../check.ts'
import { readAdmissionPolicies } from '../facts/admission-policies.ts'
import type { Release } from '../facts/release.ts'
import type { Finding } from '../finding.ts'

/** Nobody has pulled the emergency switch. */
export const enforcementCheck: Check = {
  id: 'enforcement',
  group: 'Admission',
  needsRelease: true,
  run: async (survey) => {
    const release = await survey.release()
    const { mutating, validating } = await survey.webhooks()
    const { bindings } = await readAdmissionPolicies(survey.cluster, release.instance)
    return judgeEnforcement(release, {
      mutating: mutating !== null,
      validating: validating !== null,
      bindings: bindings.length > 0,
    })
  },
}

export interface Present {
  readonly mutating: boolean
  readonly validating: boolean
  readonly bindings: boolean
}

/** The switch takes all three kinds away; some of them are missing for another reason. */
export function judgeEnforcement({ instance, namespace }: Release, present: Present): Finding {
  const fix = `helm upgrade ${instance} <the chart> -n ${namespace} --reset-then-reuse-values puts back what is missing; then restart the pods that were made meanwhile`
  const missing = [
    ...(present.mutating ? [] : ['MutatingWebhookConfiguration: pods get no sidecar']),
    ...(present.validating ? [] : ['ValidatingWebhookConfiguration: grants, Databases and policies are not checked']),
    ...(present.bindings ? [] : ['ValidatingAdmissionPolicyBinding: a pod without the sidecar, or with a changed one, is taken']), // prettier-ignore
  ]
  if (missing.length === 0) return { result: 'Ok', message: 'enforcement is on' }
  const message =
    missing.length === 3
      ? 'enforcement is off: somebody has taken away what admits pods'
      : 'enforcement is partly off: admission objects of the release are missing'
  return { result: 'Failed', message, items: missing, fix }
}
