import { sealReasons, type SealReason } from '@sallyport/crds'
import type { Check } from '../check.ts'
import type { PodFact } from '../facts/pods.ts'
import type { Finding } from '../finding.ts'
import { plural } from '../text.ts'

/** What the probes of pods found that tried the way around the sidecar. */
export const podsSealedCheck: Check = {
  id: 'pods-sealed',
  group: 'Workloads',
  needsRelease: true,
  run: async (survey) => judgePodsSealed(await survey.pods(), survey.nowMs()),
}

const verdicts: Readonly<Record<SealReason, 'Ok' | 'Warning' | 'Failed'>> = {
  Redirected: 'Ok',
  LoginRequired: 'Ok',
  DirectPathOpen: 'Failed',
  OpenToAll: 'Failed',
  NotRedirected: 'Warning',
  AddressesChanged: 'Warning',
  ProbeFailed: 'Warning',
}

/** A sidecar probes when it starts; until then it has nothing to say. */
const patienceMs = 180_000

/** @param nowMs  Unix milliseconds. */
export function judgePodsSealed(pods: readonly PodFact[], nowMs: number): Finding {
  const judged = pods
    // A pod that does not start may be kept from it by what its probe found.
    .filter(({ sidecarImage, isRunning, sealed }) => sidecarImage !== null && (isRunning || sealed !== null))
    .map((pod) => ({ pod, ...verdictOf(pod, nowMs) }))
  const failed = judged.filter(({ verdict }) => verdict === 'Failed')
  const odd = judged.filter(({ verdict }) => verdict === 'Warning')
  const items = [...failed, ...odd].map(({ pod, said }) => `${pod.key}: ${said}`)
  if (failed.length > 0) {
    return {
      result: 'Failed',
      message: `${plural(failed.length, 'pod')} of ${judged.length} can reach a database without the sidecar`,
      items,
      fix: 'DirectPathOpen: look at the rules of the pod (kubectl logs -c sallyport-redirect) and restart it; OpenToAll: have the database ask for a login (pg_hba.conf)',
    }
  }
  if (odd.length > 0) {
    return {
      result: 'Warning',
      message: `the way around the sidecar of ${plural(odd.length, 'pod')} of ${judged.length} is not known to be closed`,
      items,
      fix: 'NotRedirected, AddressesChanged: restart the pod, its rules are made when it starts; ProbeFailed: see the log of its sidecar',
    }
  }
  return { result: 'Ok', message: sealedSentence(judged.map(({ pod }) => pod)) }
}

function verdictOf(
  pod: PodFact,
  nowMs: number,
): { readonly verdict: 'Ok' | 'Warning' | 'Failed'; readonly said: string } {
  // prettier-ignore
  if (!pod.sealed) {
    const isNew = nowMs - pod.createdMs < patienceMs
    return { verdict: isNew ? 'Ok' : 'Warning', said: 'no probe has reported yet' }
  }
  const { reason, message } = pod.sealed
  const known = sealReasons.find((one) => one === reason)
  return { verdict: known === undefined ? 'Warning' : verdicts[known], said: `${reason}: ${message}` }
}

/** What is true of those that are well: in Local a way around exists, and ends at a login prompt. */
function sealedSentence(pods: readonly PodFact[]): string {
  const count = (reason: SealReason): number => pods.filter(({ sealed }) => sealed?.reason === reason).length
  const [redirected, local] = [count('Redirected'), count('LoginRequired')]
  const open = pods.length - redirected - local
  const parts = [
    ...(redirected > 0 ? [`${plural(redirected, 'pod')} in Redirect: no way around the sidecar`] : []),
    ...(local > 0 ? [`${plural(local, 'pod')} in Local: the way around ends at the login prompt of the database`] : []),
    ...(open > 0 ? [`${plural(open, 'pod')} too young to tell`] : []),
  ]
  return parts.length === 0 ? 'no pod with a sidecar runs' : parts.join('; ')
}
