import type { Check } from '../check.ts'
import { readAdmissionPolicies, type AdmissionPolicyFacts } from '../facts/admission-policies.ts'
import type { Finding } from '../finding.ts'
import { plural } from '../text.ts'

/** What the chart installs, each name after that of the release. */
export const expectedAdmission = {
  policies: ['conditions', 'connections', 'images', 'namespaces', 'pod-updates', 'pods', 'tokens'],
  bindings: ['conditions', 'connections', 'images', 'labelled-pods', 'namespaces', 'pod-updates', 'pods', 'tokens'],
} as const

/** The admission policies are there, bound to deny, and the API server found nothing odd in them. */
export const admissionPoliciesCheck: Check = {
  id: 'admission-policies',
  group: 'Admission',
  needsRelease: true,
  run: async (survey) => {
    const { name, instance } = await survey.release()
    return judgeAdmissionPolicies(await readAdmissionPolicies(survey.cluster, instance), name)
  },
}

/**
 * A policy that is missing, not bound, or only warns is a failure; what the type check warns of is a warning.
 * @param release  name its objects begin with.
 */
export function judgeAdmissionPolicies(facts: AdmissionPolicyFacts, release: string): Finding {
  const { policies, bindings } = facts
  const fix = 'repair them: helm upgrade with the values of the release, or what keeps it (Argo CD, Flux)'
  if (policies.length === 0) {
    return {
      result: 'Failed',
      message: 'the release has no ValidatingAdmissionPolicy',
      fix: 'set admissionPolicies.enabled and upgrade the release',
    }
  }
  const problems = [
    ...absent('ValidatingAdmissionPolicy', policies, expectedAdmission.policies, release),
    ...absent('ValidatingAdmissionPolicyBinding', bindings, expectedAdmission.bindings, release),
    ...policies.filter(({ failurePolicy }) => failurePolicy !== 'Fail').map(({ name, failurePolicy }) => `${name}: failurePolicy is ${failurePolicy}`), // prettier-ignore
    ...bindingProblems(facts),
  ]
  if (problems.length > 0) return { result: 'Failed', message: 'the admission policies are not as installed', items: problems, fix } // prettier-ignore
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

function absent(
  kind: string,
  present: readonly { readonly name: string }[],
  expected: readonly string[],
  release: string,
): readonly string[] {
  const names = new Set(present.map(({ name }) => name))
  return expected.map((part) => `${release}-${part}`).filter((name) => !names.has(name)).map((name) => `${kind} ${name}: is not there`) // prettier-ignore
}

function bindingProblems({ policies, bindings, lostParams }: AdmissionPolicyFacts): readonly string[] {
  const known = new Set(policies.map(({ name }) => name))
  return [
    ...bindings.flatMap(({ name, policy, actions, params, missingParams }) => [
      ...(actions.includes('Deny') ? [] : [`${name}: does not deny, its actions are ${actions.join(', ')}`]),
      ...(known.has(policy) ? [] : [`${name}: binds ${policy}, which is not there`]),
      ...(params === null || missingParams === 'Deny' ? [] : [`${name}: allows everything where its parameters are missing`]), // prettier-ignore
    ]),
    ...lostParams.map((key) => `ConfigMap ${key}: is not there, so no pod with a sidecar is taken; the webhook makes it when it starts`), // prettier-ignore
  ]
}
