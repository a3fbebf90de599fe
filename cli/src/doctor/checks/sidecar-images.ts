import type { Check } from '../check.ts'
import type { PodFact } from '../facts/pods.ts'
import type { Finding } from '../finding.ts'
import { plural } from '../text.ts'

/** Pods carry the sidecar of this release; a pod keeps the one it was made with. */
export const sidecarImagesCheck: Check = {
  id: 'sidecar-images',
  group: 'Workloads',
  needsRelease: true,
  run: async (survey) => {
    const { webhook, controller } = await survey.release()
    return judgeSidecarImages(await survey.pods(), (webhook ?? controller)?.flags['sidecar-image'] ?? '')
  },
}

/** @param current  image that is put in now; '' where it is not known. */
export function judgeSidecarImages(pods: readonly PodFact[], current: string): Finding {
  if (current === '')
    return { result: 'Skipped', message: 'the image that is put in now is not told by the Deployments' }
  const injected = pods.filter(({ sidecarImage }) => sidecarImage !== null)
  const others = injected.filter(({ sidecarImage }) => sidecarImage !== current)
  const [first] = others
  if (!first) return { result: 'Ok', message: `${plural(injected.length, 'pod')} with the sidecar ${current}` }
  return {
    result: 'Warning',
    message: `${plural(others.length, 'pod')} of ${injected.length} ${others.length === 1 ? 'has' : 'have'} another sidecar than ${current}`,
    items: others.map(({ key, sidecarImage }) => `${key}: ${sidecarImage ?? ''}`),
    fix: `restart them when it suits: kubectl rollout restart ${first.owner} -n ${first.namespace}`,
  }
}
