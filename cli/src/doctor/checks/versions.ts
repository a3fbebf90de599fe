import manifest from '../../../package.json' with { type: 'json' }
import type { Check } from '../check.ts'
import type { Release } from '../facts/release.ts'
import type { Finding } from '../finding.ts'

/** Webhook, controller and this command are of one version. */
export const versionsCheck: Check = {
  id: 'versions',
  group: 'Release',
  needsRelease: true,
  run: async (survey) => judgeVersions(await survey.release(), manifest.version),
}

/** @param own  version of this command. */
export function judgeVersions({ webhook, controller }: Release, own: string): Finding {
  const workloads = [webhook, controller].filter((workload) => workload !== null)
  const images = workloads.map(({ name, version, image }) => `${name} ${version}: ${image}`)
  const parts = new Set(workloads.map(({ version }) => version))
  const imagesOfParts = new Set(workloads.map(({ image }) => image))
  if (parts.size > 1 || imagesOfParts.size > 1) {
    return {
      result: 'Warning',
      message: 'webhook and controller are not of one version',
      items: images,
      fix: 'wait for the upgrade to end, or repeat it: helm upgrade',
    }
  }
  const [version = ''] = parts
  if (version !== own) {
    return {
      result: 'Warning',
      message: `this command is ${own}, the release ${version}: what is said here may not fit it`,
      items: images,
      fix: `use the sallyport command of ${version}; it is in the image of the controller`,
    }
  }
  return { result: 'Ok', message: `webhook, controller and this command are ${own}` }
}
