import type { KubeClient } from '../kube/client.ts'
import { isKubeError } from '../kube/errors.ts'
import type { EventRecorder } from '../kube/events.ts'
import { isRecord, splitKey, type KubeObject } from '../kube/objects.ts'
import type { Caches } from './caches.ts'
import { lacksSidecar, type PodSelection } from './pod-selections.ts'

export interface SidecarDriftOptions {
  readonly client: KubeClient
  /** Synced. */
  readonly caches: {
    readonly pods: Pick<Caches['pods'], 'get'>
    readonly namespaces: Pick<Caches['namespaces'], 'get'>
  }
  readonly events: Pick<EventRecorder, 'record'>
}

/** Finds the pods of enrolled namespaces that run without a sidecar: they reach no data, and their owner may not know why. */
export class SidecarDrift {
  readonly #options: SidecarDriftOptions
  #selections: readonly PodSelection[] = []
  /** Key → uid. */
  readonly #found = new Map<string, string>()

  constructor(options: SidecarDriftOptions) {
    this.#options = options
  }

  /** @returns whether it changes anything. */
  select(selections: readonly PodSelection[]): boolean {
    const isOther = JSON.stringify(selections) !== JSON.stringify(this.#selections)
    this.#selections = selections
    return isOther
  }

  /** Whether the pod is worth a reconcile. */
  concerns(key: string, pod: KubeObject | null): boolean {
    return this.#found.has(key) || (pod !== null && this.#lacks(pod))
  }

  /** Pods without a sidecar by namespace. */
  counts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>()
    for (const key of this.#found.keys()) {
      const namespace = splitKey(key).namespace ?? ''
      counts.set(namespace, (counts.get(namespace) ?? 0) + 1)
    }
    return counts
  }

  /** Counts one pod or no more, and tells of it once. @throws KubeError */
  async reconcile(key: string): Promise<null> {
    const pod = this.#options.caches.pods.get(key)
    if (!pod || !this.#lacks(pod) || !(await this.#isRunning(pod))) {
      this.#found.delete(key)
      return null
    }
    const { uid } = pod.metadata
    if (this.#found.get(key) === uid) return null
    this.#found.set(key, uid)
    const once = `not-injected-${uid.slice(0, 13)}`
    this.#options.events.record(pod, podKind, { type: 'Warning', reason: 'NotInjected', action: 'Inject', note, once })
    return null
  }

  #lacks(pod: KubeObject): boolean {
    const namespace = this.#options.caches.namespaces.get(pod.metadata.namespace ?? '')
    return lacksSidecar(pod, namespace?.metadata.labels, this.#selections)
  }

  /** Neither over nor replaced by another. */
  async #isRunning({ metadata: { namespace = '', name, uid } }: KubeObject): Promise<boolean> {
    try {
      const pod = await this.#options.client.request({ path: `/api/v1/namespaces/${namespace}/pods/${name}` })
      const phase = isRecord(pod) && isRecord(pod.status) ? pod.status.phase : undefined
      const isSame = isRecord(pod) && isRecord(pod.metadata) && pod.metadata.uid === uid
      return isSame && phase !== 'Succeeded' && phase !== 'Failed'
    } catch (error) {
      if (isKubeError(error, 'not-found')) return false
      throw error
    }
  }
}

const podKind = { apiVersion: 'v1', kind: 'Pod' } as const
const note =
  'the pod has no sidecar: it was created before the installation, before its namespace was enrolled, or while admission was off. Restart it'
