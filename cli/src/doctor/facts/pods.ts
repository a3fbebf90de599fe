import type { Cluster } from '../cluster.ts'
import { at, listAt, textAt, textsAt } from '../shape.ts'
import { conditionOf, createdMsOf, nameOf, type FoundCondition } from './conditions.ts'
import { injectLabel } from './namespaces.ts'

/** A pod that has our sidecar, or the label that asks for it; or any pod of an enrolled namespace. */
export interface PodFact {
  readonly key: string
  readonly namespace: string
  readonly isLabelled: boolean
  readonly isRunning: boolean
  readonly createdMs: number
  /** What made it, as `kubectl rollout restart` takes it, or as it is called. */
  readonly owner: string
  /** Null: none was put in. */
  readonly sidecarImage: string | null
  readonly sealed: FoundCondition | null
}

/**
 * Pods that are not over and not a kubelet's own, a page at a time: of a whole pod only these facts are kept.
 * @param enrolled  names of namespaces.
 * @throws ClusterError
 */
export async function readPods(cluster: Cluster, enrolled: ReadonlySet<string>): Promise<readonly PodFact[]> {
  const facts: PodFact[] = []
  for await (const pod of cluster.list({ group: '', version: 'v1', resource: 'pods' })) {
    const fact = parsePod(pod)
    if (fact && (fact.sidecarImage !== null || fact.isLabelled || enrolled.has(fact.namespace))) facts.push(fact)
  }
  return facts
}

/** Null: over, on its way out, or a mirror of what a kubelet runs by itself. */
export function parsePod(pod: unknown): PodFact | null {
  const phase = textAt(pod, 'status', 'phase')
  const isMirror = textsAt(pod, 'metadata', 'annotations')['kubernetes.io/config.mirror'] !== undefined
  if (phase === 'Succeeded' || phase === 'Failed' || isMirror) return null
  if (at(pod, 'metadata', 'deletionTimestamp') !== undefined) return null
  const sidecar = listAt(pod, 'spec', 'initContainers').find((one) => textAt(one, 'name') === 'sallyport')
  return {
    key: nameOf(pod),
    namespace: textAt(pod, 'metadata', 'namespace'),
    isLabelled: textsAt(pod, 'metadata', 'labels')[injectLabel] === 'enabled',
    isRunning: phase === 'Running',
    createdMs: createdMsOf(pod),
    owner: ownerOf(pod),
    sidecarImage: sidecar === undefined ? null : textAt(sidecar, 'image'),
    sealed: conditionOf(pod, 'sallyport.dev/Sealed'),
  }
}

/** A ReplicaSet is called after its Deployment and the hash of its template. */
function ownerOf(pod: unknown): string {
  const owner = listAt(pod, 'metadata', 'ownerReferences').find((one) => at(one, 'controller') === true)
  if (owner === undefined) return `pod/${textAt(pod, 'metadata', 'name')}`
  const [kind, name] = [textAt(owner, 'kind'), textAt(owner, 'name')]
  const hash = textsAt(pod, 'metadata', 'labels')['pod-template-hash']
  return kind === 'ReplicaSet' && hash !== undefined && name.endsWith(`-${hash}`)
    ? `deployment/${name.slice(0, -hash.length - 1)}`
    : `${kind.toLowerCase()}/${name}`
}
