import type { Answer } from './cluster.ts'
import { messageOf, type Cluster } from './cluster.ts'
import type { Finding } from './finding.ts'
import { probePod } from './probe-pod.ts'
import { listAt, textAt } from './shape.ts'
import { rightOf, type Target } from './target.ts'

/** What became of a pod that was only proposed. */
export type DryRun =
  | { readonly kind: 'Admitted'; readonly sidecarImage: string | null }
  /** `by` is the webhook or policy that said no. */
  | { readonly kind: 'Denied'; readonly by: string; readonly message: string }
  | { readonly kind: 'WebhookDown'; readonly webhook: string; readonly message: string }
  | { readonly kind: 'MissingRight'; readonly right: string }
  | { readonly kind: 'Refused'; readonly message: string }

/** Proposes the probe's pod in a namespace. @throws ClusterError `unreachable` */
export async function proposePod(cluster: Cluster, namespace: string, spec?: object): Promise<DryRun> {
  const target: Target = { group: '', version: 'v1', resource: 'pods', namespace }
  return readDryRun(await cluster.dryRunCreate(target, probePod(spec)), rightOf('create', target))
}

/** Reads the API server's words; they have not changed since webhooks came (apiserver, admission/plugin/webhook/errors). */
export function readDryRun(answer: Answer, right: string): DryRun {
  if (answer.status < 300) {
    const sidecar = listAt(answer.body, 'spec', 'initContainers').find((one) => textAt(one, 'name') === 'sallyport')
    return { kind: 'Admitted', sidecarImage: sidecar === undefined ? null : textAt(sidecar, 'image') }
  }
  const message = messageOf(answer)
  const denied =
    /admission webhook "([^"]+)" denied the request/.exec(message) ??
    /ValidatingAdmissionPolicy '([^']+)'.* denied request/.exec(message)
  if (denied) return { kind: 'Denied', by: denied[1] ?? '', message }
  const down = /failed calling webhook "([^"]+)": (?:failed to call webhook: )?(.*)/s.exec(message)
  if (down) return { kind: 'WebhookDown', webhook: down[1] ?? '', message: down[2] ?? '' }
  if (answer.status === 403 && /cannot create resource "pods"/.test(message)) return { kind: 'MissingRight', right }
  return { kind: 'Refused', message }
}

const down =
  'look at the Deployment of the webhook and at what stands between the API server and port 10250 of its pods (firewall of a private cluster, NetworkPolicy)'

/** A labelled pod must come back with the sidecar in it. */
export function judgeInjection(dryRun: DryRun, namespace: string): Finding {
  switch (dryRun.kind) {
    case 'Admitted':
      if (dryRun.sidecarImage !== null)
        return { result: 'Ok', message: `a labelled pod in ${namespace} comes back with the sidecar ${dryRun.sidecarImage}` } // prettier-ignore
      return {
        result: 'Failed',
        message: `a labelled pod in ${namespace} comes back without the sidecar`,
        fix: 'see that the webhook configurations are there and do not leave this namespace out (webhook.excludedNamespaces); --test-namespace names another',
      }
    case 'WebhookDown':
    case 'MissingRight':
      return judgeSilence(dryRun)
    case 'Denied':
      return {
        result: 'Failed',
        message: `a labelled pod in ${namespace} is refused by ${dryRun.by}: ${dryRun.message}`,
        fix: 'see that both webhook configurations are there; or, where it is no object of Sallyport that refuses, name another --test-namespace',
      }
    case 'Refused':
      return {
        result: 'Failed',
        message: `a labelled pod in ${namespace} is refused: ${dryRun.message}`,
        fix: 'name a --test-namespace that takes pods',
      }
  }
}

/** A labelled pod on the node's network must be refused by us, and for that reason. */
export function judgeRefusal(dryRun: DryRun, namespace: string): Finding {
  switch (dryRun.kind) {
    case 'Admitted':
      return {
        result: 'Failed',
        message: `a labelled pod with hostNetwork is taken in ${namespace}`,
        fix: 'see that the webhook configurations are there and do not leave this namespace out',
      }
    case 'WebhookDown':
    case 'MissingRight':
      return judgeSilence(dryRun)
    case 'Denied':
      if (dryRun.message.includes('host-network'))
        return { result: 'Ok', message: `a labelled pod with hostNetwork is refused in ${namespace}: host-network` }
      return { result: 'Skipped', message: `${dryRun.by} refused the pod with hostNetwork before Sallyport was asked` }
    case 'Refused':
      return { result: 'Skipped', message: `the pod with hostNetwork was refused before Sallyport was asked: ${dryRun.message}` } // prettier-ignore
  }
}

/** Nobody has said anything of the pod. */
function judgeSilence(dryRun: Extract<DryRun, { readonly kind: 'WebhookDown' | 'MissingRight' }>): Finding {
  if (dryRun.kind === 'MissingRight')
    return { result: 'Skipped', message: 'no right to propose a pod', right: dryRun.right }
  return { result: 'Failed', message: `the webhook ${dryRun.webhook} does not answer: ${dryRun.message}`, fix: down }
}
