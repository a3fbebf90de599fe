import type { SidecarSeal, Subject } from '@sallyport/crds'
import type { KubeClient } from '../kube/client.ts'
import { toSeconds, type Condition } from '../kube/conditions.ts'
import { isKubeError } from '../kube/errors.ts'
import type { EventRecorder } from '../kube/events.ts'
import { isRecord, parseKubeObject } from '../kube/objects.ts'

export const sealedCondition = 'sallyport.dev/Sealed'

/** Owns the one condition; the kubelet and others own the rest of a pod's status. */
const sealManager = 'sallyport-seal'
const podKind = { apiVersion: 'v1', kind: 'Pod' } as const

export interface PodSealsOptions {
  readonly client: KubeClient
  readonly events: Pick<EventRecorder, 'record'>
  /** Unix milliseconds. */
  readonly nowMs: () => number
}

type Pod = Pick<Subject, 'namespace' | 'pod' | 'podUID'>
type PodCondition = Omit<Condition, 'observedGeneration'>

/** What sidecars found when they tried the way around themselves, written on their pods. */
export class PodSeals {
  readonly #options: PodSealsOptions
  readonly #seals = new Map<string, { readonly pod: Pod; readonly seal: SidecarSeal }>()

  constructor(options: PodSealsOptions) {
    this.#options = options
  }

  /** Remembers what a pod's sidecar said last; `reconcile` writes it. */
  report({ namespace, pod, podUID }: Pod, seal: SidecarSeal): void {
    this.#seals.set(podUID, { pod: { namespace, pod, podUID }, seal })
  }

  /** The pod is gone. */
  forget(podUid: string): void {
    this.#seals.delete(podUid)
  }

  /** Every seal that is known. */
  list(): readonly SidecarSeal[] {
    return [...this.#seals.values()].map(({ seal }) => seal)
  }

  /**
   * Writes the condition of one pod, unless it is there already, and tells of a change by an Event.
   * @returns when to look again. @throws KubeError
   */
  async reconcile(podUid: string): Promise<number | null> {
    const known = this.#seals.get(podUid)
    if (!known) return null
    try {
      return await this.#write(known.pod, known.seal)
    } catch (error) {
      if (isKubeError(error, 'not-found')) return null
      if (isKubeError(error, 'conflict')) return conflictRetryMs
      throw error
    }
  }

  async #write({ namespace, pod: name, podUID: uid }: Pod, seal: SidecarSeal): Promise<null> {
    const { client, events, nowMs } = this.#options
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`
    const answer = await client.request({ path })
    const pod = parseKubeObject(answer)
    if (pod?.metadata.uid !== uid) return null
    const before = conditionOf(answer)
    const { status, reason, message } = seal
    if (before?.status === status && before.reason === reason && before.message === message) return null
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : toSeconds(nowMs())
    const condition: PodCondition = { type: sealedCondition, status, reason, message, lastTransitionTime }
    // With the uid it conflicts where the pod was replaced meanwhile.
    const body = { ...podKind, metadata: { name, namespace, uid }, status: { conditions: [condition] } }
    await client.apply(`${path}/status`, body, { manager: sealManager })
    if (before?.status !== status || before.reason !== reason)
      events.record(pod, podKind, {
        type: status === 'True' ? 'Normal' : 'Warning',
        reason,
        action: 'Probe',
        note: message,
      })
    return null
  }
}

const conflictRetryMs = 50

function conditionOf(pod: unknown): PodCondition | null {
  const status = isRecord(pod) && isRecord(pod.status) ? pod.status : {}
  const conditions: readonly unknown[] = Array.isArray(status.conditions) ? status.conditions : []
  const found = conditions.find((one) => isRecord(one) && one.type === sealedCondition)
  // Of the API server's schema.
  return found === undefined ? null : (found as PodCondition)
}
