import type { Check } from '../check.ts'
import { readAdmissionPolicies, type AdmissionPolicyFacts } from '../facts/admission-policies.ts'
import type { Finding } from '../finding.ts'
import { plural } from '../text.ts'

/** The admission policies are there, bound to deny, and the API server found nothing odd in them. */
export const admissionPoliciesCheck: Check = {
  id: 'admission-policies',
  group: 'Admission',
  needsRelease: true,
  run: async (survey) => judgeAdmissionPolicies(await readAdmissionPolicies(survey.cluster, (await survey.release()).instance)), // prettier-ignore
}

/** A policy that is not bound, or only warns, is a failure; what the type check warns of is a warning. */
export function judgeAdmissionPolicies({ policies, bindings, lostParams }: AdmissionPolicyFacts): Finding {
  const fix = 'repair them: helm upgrade with the values of the release, or what keeps it (Argo CD, Flux)'
  if (policies.length === 0) return { result: 'Failed', message: 'there is no ValidatingAdmissionPolicy of the release', fix } // prettier-ignore
  const problems = [
    ...policies.flatMap(({ name, failurePolicy }) => {
      const own = bindings.filter(({ policy, actions }) => policy === name && actions.includes('Deny'))
      return [
        ...(own.length > 0 ? [] : [`${name}: no binding denies by it`]),
        ...(failurePolicy === 'Fail' ? [] : [`${name}: failurePolicy is ${failurePolicy}`]),
      ]
    }),
    ...bindings.filter(({ policy }) => !policies.some(({ name }) => name === policy)).map(({ name, policy }) => `${name}: binds ${policy}, which is not there`), // prettier-ignore
    ...bindings.filter(({ params, missingParams }) => params !== null && missingParams !== 'Deny').map(({ name }) => `${name}: allows everything where its parameters are missing`), // prettier-ignore
    ...lostParams.map((key) => `ConfigMap ${key}: is not there, so no pod with a sidecar is taken; the webhook makes it when it starts`), // prettier-ignore
  ]
  if (problems.length > 0) return { result: 'Failed', message: 'the admission policies do not do their work', items: problems, fix } // prettier-ignore
  const warnings = policies.flatMap(({ name, warnings: own }) => (own ?? []).map((warning) => `${name}: ${warning}`))
  if (warnings.length > 0) {
    return {
      result: 'Warning',
      message: 'the API server finds types in the admission policies it does not know',
      items: warnings,
      fix: 'look for a release of Sallyport made for this version of Kubernetes',
    }
  }
  const isChecked = policies.every(({ warnings: own }) => own !== null)
  return {
    result: 'Ok',
    message: `${plural(policies.length, 'policy', 'policies')}, bound to Deny, ${isChecked ? 'types checked without a warning' : 'types not checked yet'}`,
  }
}
