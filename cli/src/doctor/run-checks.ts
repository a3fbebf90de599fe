import type { Check } from './check.ts'
import { apiServerCheck } from './checks/api-server.ts'
import { admissionPoliciesCheck } from './checks/admission-policies.ts'
import { auditCheck } from './checks/audit.ts'
import { certificatesCheck } from './checks/certificates.ts'
import { clockCheck } from './checks/clock.ts'
import { crdsCheck } from './checks/crds.ts'
import { databasesCheck } from './checks/databases.ts'
import { deploymentsCheck } from './checks/deployments.ts'
import { enforcementCheck } from './checks/enforcement.ts'
import { grantsCheck } from './checks/grants.ts'
import { injectionCheck, refusalCheck } from './checks/injection.ts'
import { namespacesCheck } from './checks/namespaces.ts'
import { podsInjectedCheck } from './checks/pods-injected.ts'
import { podsSealedCheck } from './checks/pods-sealed.ts'
import { policiesCheck } from './checks/policies.ts'
import { releaseCheck } from './checks/release.ts'
import { sidecarImagesCheck } from './checks/sidecar-images.ts'
import { versionsCheck } from './checks/versions.ts'
import { webhooksCheck } from './checks/webhooks.ts'
import { ClusterError } from './errors.ts'
import type { Finding } from './finding.ts'
import type { Survey } from './survey.ts'

/** Every check, in the order they are told in. */
export const checks: readonly Check[] = [
  apiServerCheck,
  clockCheck,
  releaseCheck,
  deploymentsCheck,
  versionsCheck,
  crdsCheck,
  certificatesCheck,
  enforcementCheck,
  webhooksCheck,
  admissionPoliciesCheck,
  injectionCheck,
  refusalCheck,
  namespacesCheck,
  podsInjectedCheck,
  podsSealedCheck,
  sidecarImagesCheck,
  databasesCheck,
  policiesCheck,
  grantsCheck,
  auditCheck,
]

export interface Checked {
  readonly check: Check
  readonly finding: Finding
}

/**
 * Makes the checks, all at a time; yields them in their order, each as soon as it and those before are known.
 * @throws ClusterError where the API server does not answer at all, or knows nobody of this name.
 */
export async function* runChecks(survey: Survey): AsyncGenerator<Checked> {
  await survey.cluster.raw('/version')
  const running = checks.map((check) => ({ check, finding: runCheck(check, survey) }))
  for (const { check, finding } of running) yield { check, finding: await finding }
}

async function runCheck(check: Check, survey: Survey): Promise<Finding> {
  try {
    if (check.needsRelease && !(await isInstalled(survey))) {
      return { result: 'Skipped', message: 'Sallyport is not installed here' }
    }
    return await check.run(survey)
  } catch (error) {
    if (error instanceof ClusterError) return findingOf(error)
    throw error
  }
}

/** Where Deployments may not be seen the other checks shall still say what they can. */
async function isInstalled(survey: Survey): Promise<boolean> {
  try {
    const { webhook, controller } = await survey.release()
    return webhook !== null || controller !== null
  } catch (error) {
    if (error instanceof ClusterError && error.code === 'missing-right') return true
    throw error
  }
}

/** What could not be read is not known to be well. */
function findingOf(error: ClusterError): Finding {
  if (error.code === 'missing-right' && error.right !== null) {
    return { result: 'Skipped', message: 'a right is missing', right: error.right }
  }
  return {
    result: 'Failed',
    message: `it could not be looked at: ${error.message}`,
    fix: 'try again; where it stays so, ask whoever keeps the API server',
  }
}
