import type { Cluster } from '../cluster.ts'
import type { Check } from '../check.ts'
import { ClusterError } from '../errors.ts'
import { createdMsOf } from '../facts/conditions.ts'
import type { Finding } from '../finding.ts'
import { bytes, duration, plural } from '../text.ts'

export interface Journal {
  /** Acknowledged, on the controller's disk. */
  readonly bytes: number
  /** Files that wait to become an AuditSegment each. */
  readonly files: number
}

export interface AuditFacts {
  readonly segments: number
  /** When the newest was made, Unix milliseconds; null: there is none. */
  readonly newestMs: number | null
  /** Or why it is not known. */
  readonly journal: Journal | ClusterError
}

/** Audit records get from the controller's journal into AuditSegments. */
export const auditCheck: Check = {
  id: 'audit',
  group: 'Audit',
  needsRelease: true,
  run: async (survey) => {
    const journal = await survey.metrics().then(
      ({ value }): Journal => ({ bytes: value('sallyport_audit_journal_bytes') ?? 0, files: value('sallyport_audit_journal_files') ?? 0 }), // prettier-ignore
      (error: unknown) => {
        if (error instanceof ClusterError) return error
        throw error
      },
    )
    return judgeAudit({ ...(await readSegments(survey.cluster, survey.scope.namespace)), journal }, survey.nowMs())
  },
}

/** Metadata alone: a segment carries up to 340 KB. */
async function readSegments(cluster: Cluster, namespace: string): Promise<Pick<AuditFacts, 'segments' | 'newestMs'>> {
  const target = { group: 'sallyport.dev', version: 'v1alpha1', resource: 'auditsegments', namespace } as const
  let [segments, newestMs] = [0, 0]
  const accept = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io'
  for await (const object of cluster.list(target, { accept })) {
    segments += 1
    newestMs = Math.max(newestMs, createdMsOf(object))
  }
  return { segments, newestMs: segments === 0 ? null : newestMs }
}

/** A file is sealed within a minute; above 1 GiB the journal takes nothing, and sidecars deny when their spools are full. */
const lagMs = 300_000
const fullBytes = 1024 ** 3

/** @param nowMs  Unix milliseconds. */
export function judgeAudit({ segments, newestMs, journal }: AuditFacts, nowMs: number): Finding {
  const newest = newestMs === null ? 'no segment yet' : `${plural(segments, 'segment')}, the newest ${duration(nowMs - newestMs)} old` // prettier-ignore
  if (journal instanceof ClusterError) return withoutMetrics(newest, journal)
  const waiting = `${bytes(journal.bytes)} wait in the journal`
  const fix = 'see the log of the controller: AuditSegments could not be created (rights, etcd full, API server away)'
  if (journal.bytes > 0.8 * fullBytes) {
    return { result: 'Failed', message: `the journal is nearly full: ${waiting} of 1024 MiB; then statements are denied with audit-unavailable`, fix } // prettier-ignore
  }
  const isLate = journal.files > 0 && (newestMs === null || nowMs - newestMs > lagMs)
  if (isLate || journal.bytes > 0.4 * fullBytes) return { result: 'Warning', message: `segments come late: ${waiting}; ${newest}`, fix } // prettier-ignore
  return { result: 'Ok', message: journal.bytes === 0 ? `nothing waits; ${newest}` : `${waiting}; ${newest}` }
}

function withoutMetrics(newest: string, error: ClusterError): Finding {
  if (error.right !== null && error.code === 'missing-right') {
    return { result: 'Skipped', message: `${newest}; what waits in the journal is not known`, right: error.right }
  }
  return {
    result: 'Warning',
    message: `${newest}; the controller's metrics cannot be read: ${error.message}`,
    fix: 'see that the controller runs, and that a NetworkPolicy lets the API server reach port 9402 (networkPolicy.metricsFrom)',
  }
}
