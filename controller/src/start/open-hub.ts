import { StreamHub } from '../bundles/stream-hub.ts'
import { buildSnapshot } from '../grants/build-snapshot.ts'
import { allPolicies, type Caches } from '../reconcile/caches.ts'
import type { Reconcilers } from '../reconcile/start-reconcilers.ts'
import type { Certificates } from '../rooms.ts'
import type { Foundation } from './foundation.ts'

export interface HubSources {
  readonly caches: Caches
  readonly reconcilers: Pick<Reconcilers, 'databases' | 'policies'>
  readonly certificates: Pick<Certificates, 'caBundle'>
}

/** The hub that makes each sidecar's snapshot from what is known now. */
export function openHub({ nowMs, log, metrics }: Foundation, sources: HubSources): StreamHub {
  const { caches, reconcilers, certificates } = sources
  return new StreamHub({
    build: (subject) =>
      buildSnapshot(
        subject,
        {
          grants: caches.grants.byIndex('namespace', subject.namespace),
          databases: reconcilers.databases.list(),
          policies: allPolicies(caches),
          moduleOf: (policy) => reconcilers.policies.moduleOf(policy),
          namespaceLabels: caches.namespaces.get(subject.namespace)?.metadata.labels,
          caBundle: certificates.caBundle(),
        },
        nowMs(),
      ),
    nowMs,
    log,
    onPushed: (sinceMs) => {
      metrics.snapshots.inc()
      metrics.snapshotSeconds.observe(sinceMs / 1000)
    },
    onCount: (count) => metrics.streams.set(count),
  })
}
