import { segmentHash, segmentName, type SegmentSpec } from '@sallyport/crds'
import type { KubeClient } from '../kube/client.ts'
import { isKubeError } from '../kube/errors.ts'
import { isRecord } from '../kube/objects.ts'

/** Where sealed segments go. Create-only: nothing is ever replaced. */
export interface SegmentStore {
  /** `created`: it is there, perhaps since before. `taken`: the name holds something else. Rejects when neither is known. */
  create(spec: SegmentSpec): Promise<'created' | 'taken'>
  /** The last records of each source, over all segments there are. */
  positions(): AsyncGenerator<{ readonly source: string; readonly toSeq: number; readonly lastHash: string }>
}

/** Segments as AuditSegment objects of one namespace. */
export function kubeSegmentStore(client: KubeClient, namespace: string): SegmentStore {
  const path = `/apis/sallyport.dev/v1alpha1/namespaces/${namespace}/auditsegments`
  return {
    create: async (spec) => {
      const name = segmentName(spec.stream, spec.seq)
      const body = {
        apiVersion: 'sallyport.dev/v1alpha1',
        kind: 'AuditSegment',
        metadata: { name, namespace, labels: { 'app.kubernetes.io/managed-by': 'sallyport' } },
        spec,
      }
      try {
        await client.request({ method: 'POST', path, body, timeoutMs: 30_000 })
        return 'created'
      } catch (error) {
        if (!isKubeError(error, 'already-exists')) throw error
        return (await isSame(client, `${path}/${name}`, spec)) ? 'created' : 'taken'
      }
    },
    positions: async function* () {
      let position: string | undefined
      do {
        // Few at a time: each carries its body.
        const page = await client.request({ path, query: { limit: 10, continue: position }, timeoutMs: 60_000 })
        const metadata = isRecord(page) && isRecord(page.metadata) ? page.metadata : {}
        for (const item of isRecord(page) && Array.isArray(page.items) ? page.items : []) yield* sourcesOf(item)
        position = typeof metadata.continue === 'string' && metadata.continue !== '' ? metadata.continue : undefined
      } while (position !== undefined)
    },
  }
}

async function isSame(client: KubeClient, path: string, spec: SegmentSpec): Promise<boolean> {
  const object = await client.request({ path })
  const held = isRecord(object) && isRecord(object.spec) ? object.spec : null
  // The CRD's schema has checked its shape; a defaulted or missing field makes it another one, which is what is asked.
  return held !== null && segmentHash(held as unknown as SegmentSpec) === segmentHash(spec)
}

function* sourcesOf(item: unknown): Generator<{ source: string; toSeq: number; lastHash: string }> {
  const spec = isRecord(item) && isRecord(item.spec) ? item.spec : {}
  const sources: readonly unknown[] = Array.isArray(spec.sources) ? spec.sources : []
  for (const entry of sources) {
    if (!isRecord(entry)) continue
    const { source, toSeq, lastHash } = entry
    if (typeof source === 'string' && typeof toSeq === 'number' && typeof lastHash === 'string') {
      yield { source, toSeq, lastHash }
    }
  }
}
