import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { CollectorMetrics } from '../audit/collector.ts'
import type { CacheMetrics } from '../kube/resource-cache.ts'

/** Every metric of the controller; labels are bounded sets. */
export type Metrics = ReturnType<typeof createMetrics>

/** Makes the metrics in a registry of their own. */
export function createMetrics() {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const counter = <T extends string>(name: string, help: string, labelNames: readonly T[] = []) =>
    new Counter<T>({ name: `sallyport_${name}`, help, labelNames, registers })
  const gauge = <T extends string>(name: string, help: string, labelNames: readonly T[] = []) =>
    new Gauge<T>({ name: `sallyport_${name}`, help, labelNames, registers })
  const histogram = <T extends string>(name: string, help: string, buckets: number[], labelNames: readonly T[] = []) =>
    new Histogram<T>({ name: `sallyport_${name}`, help, labelNames, buckets, registers })
  return {
    registry,
    cacheRestarts: counter('cache_restarts_total', 'Watches that ended and were begun again', ['resource']),
    cacheMissed: counter('cache_missed_changes_total', 'Changes a relist found that the watch had not told', [
      'resource',
    ]),
    cacheHandlerFailures: counter('cache_handler_failures_total', 'Handlers of a cache that threw', ['resource']),
    cacheStaleness: gauge('cache_staleness_seconds', 'Seconds since the API server was last heard', ['resource']),
    reconciles: counter('reconciles_total', 'Reconciliations', ['queue', 'result']),
    reconcileSeconds: histogram('reconcile_duration_seconds', 'Time of a reconciliation', latencyBuckets, ['queue']),
    queueLength: gauge('queue_length', 'Keys waiting', ['queue']),
    grants: gauge('grants', 'AccessGrants by state', ['state']),
    activationSeconds: histogram('grant_activation_seconds', 'Creation to Active', [0.1, 0.25, 0.5, 1, 2, 5, 30, 300]),
    streams: gauge('sidecar_streams', 'Sidecars connected'),
    snapshots: counter('snapshots_total', 'Snapshots sent'),
    snapshotSeconds: histogram('snapshot_push_seconds', 'Change seen to snapshot written', latencyBuckets),
    slowStreams: counter('sidecar_streams_closed_slow_total', 'Streams closed because the sidecar did not read'),
    authentications: counter('sidecar_authentications_total', 'Sidecars that asked to be let in', ['result']),
    podsSealed: gauge('pods_sealed', 'Pods by what the last probe of the way around their sidecar found', [
      'mode',
      'status',
      'reason',
    ]),
    podsNotInjected: gauge('pods_not_injected', 'Pods that run without the sidecar their namespace or label asks for', [
      'namespace',
    ]),
    policyCompilations: counter('policy_compilations_total', 'Policies compiled', ['result']),
    certificateExpiry: gauge('certificate_expiry_seconds', 'Seconds until the serving certificate ends'),
    authorityPublished: gauge(
      'authority_published',
      '1: the API server trusts the serving certificate, as the webhook configurations have it',
    ),
    admissionReviews: counter('admission_reviews_total', 'Reviews by result: allowed, injected, or the reason', [
      'webhook',
      'result',
    ]),
    admissionSeconds: histogram('admission_review_seconds', 'Time of a review', latencyBuckets, ['webhook']),
    auditRecords: counter('audit_records_total', 'Audit records made safe'),
    auditRejected: counter('audit_batches_rejected_total', 'Audit batches not taken', ['code']),
    auditSegments: counter('audit_segments_total', 'Segments', ['result']),
    auditBacklogBytes: gauge('audit_journal_bytes', 'Bytes of the journal'),
    auditBacklogFiles: gauge('audit_journal_files', 'Files of the journal waiting to become segments'),
  }
}

const latencyBuckets = [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

/** What caches count. */
export function cacheMetrics(metrics: Metrics): CacheMetrics {
  return {
    restarted: (resource) => metrics.cacheRestarts.inc({ resource }),
    missed: (resource, count) => metrics.cacheMissed.inc({ resource }, count),
    handlerFailed: (resource) => metrics.cacheHandlerFailures.inc({ resource }),
  }
}

/** What the collector counts. */
export function collectorMetrics(metrics: Metrics): CollectorMetrics {
  return {
    accepted: (records) => metrics.auditRecords.inc(records),
    rejected: (code) => metrics.auditRejected.inc({ code }),
    segment: (result) => metrics.auditSegments.inc({ result }),
    backlog: (bytes, files) => {
      metrics.auditBacklogBytes.set(bytes)
      metrics.auditBacklogFiles.set(files)
    },
  }
}
