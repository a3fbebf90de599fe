import type { Check } from '../check.ts'
import type { Release } from '../facts/release.ts'
import type { Finding } from '../finding.ts'

/** The release is there. */
export const releaseCheck: Check = {
  id: 'release',
  group: 'Release',
  needsRelease: false,
  run: async (survey) => judgeRelease(await survey.release()),
}

export function judgeRelease({ name, namespace, instance, webhook, controller }: Release): Finding {
  if (webhook || controller) return { result: 'Ok', message: `release ${instance} in namespace ${namespace}` }
  return {
    result: 'Failed',
    message: `there is no Deployment ${name}-webhook and no ${name}-controller in namespace ${namespace}`,
    fix: 'helm install; or say where it is, with --namespace and --name',
  }
}
