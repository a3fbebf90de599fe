import { sidecarTokenAudience } from '@sallyport/crds'
import { isOurName, names } from './names.ts'
import type { Pod, Volume } from './pod.ts'
import type { PodProblem } from './pod-problem.ts'

/** Volumes that are called like ours, hold a token like the sidecar's, or are the node's own folders. */
export function volumeProblems({ spec }: Pod): readonly PodProblem[] {
  return (spec.volumes ?? []).flatMap((volume, index) => {
    const path = `spec.volumes[${index}]`
    const problems: PodProblem[] = []
    if (isOurName(volume.name))
      problems.push({ reason: 'volume-name-taken', path: `${path}.name`, message: `${names.sidecar}, and names that begin with ${names.prefix}, are the sidecar's own; use another` }) // prettier-ignore
    if (volume.hostPath !== undefined)
      problems.push({ reason: 'host-path', path: `${path}.hostPath`, message: "must not be used: the node keeps the sidecar's token and records in a folder of its own" }) // prettier-ignore
    return [...problems, ...tokenProblems(volume, path)]
  })
}

function tokenProblems({ projected }: Volume, path: string): readonly PodProblem[] {
  return (projected?.sources ?? []).flatMap(({ serviceAccountToken }, index) => {
    if (serviceAccountToken?.audience !== sidecarTokenAudience) return []
    const where = `${path}.projected.sources[${index}].serviceAccountToken.audience`
    const message = `tokens for ${sidecarTokenAudience} are the sidecar's own; remove it`
    return [{ reason: 'token-audience-taken', path: where, message }]
  })
}
