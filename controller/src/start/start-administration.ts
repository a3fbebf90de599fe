import { join } from 'node:path'
import type { SidecarStatus, Subject } from '@sallyport/crds'
import type { Collector } from '../audit/collector.ts'
import { SidecarAuthenticator } from '../bundles/authenticate-sidecar.ts'
import type { StreamHub } from '../bundles/stream-hub.ts'
import { startStreamServer, type StreamServer } from '../bundles/stream-server.ts'
import { isGrantableTo } from '../grants/grantable-to.ts'
import { findForgery } from '../injection/find-forgery.ts'
import { sealKeyOf } from '../injection/seal.ts'
import type { Caches } from '../reconcile/caches.ts'
import { Reachability } from '../reconcile/reachability.ts'
import { startReconcilers, type Reconcilers } from '../reconcile/start-reconcilers.ts'
import type { Certificates, Rooms } from '../rooms.ts'
import { everySecond, type Foundation } from './foundation.ts'
import { openHub } from './open-hub.ts'
import { runPodSeals } from './run-pod-seals.ts'
import { runSidecarDrift } from './run-sidecar-drift.ts'

export interface AdministrationParts {
  /** Synced. */
  readonly caches: Caches
  readonly masterKey: Buffer
  readonly certificates: Certificates
  readonly collector: Collector
  readonly compiler: Rooms['compiler']
}

/** Starts everything but admission: what moves grants, and what talks to sidecars. Resolves when it listens. */
export async function startAdministration(foundation: Foundation, parts: AdministrationParts): Promise<StreamServer> {
  const { client, nowMs, metrics } = foundation
  const { caches, certificates } = parts
  const reachability = new Reachability()
  const sealKey = sealKeyOf(parts.masterKey)
  const authenticator = new SidecarAuthenticator({
    client,
    nowMs,
    findForgery: (pod, namespace) => findForgery(pod, namespace, sealKey),
    checkAddress: foundation.config.checkPodAddress,
    onResult: (result) => metrics.authentications.inc({ result }),
  })
  const reconcilers = await runReconcilers(foundation, parts, reachability, (namespace) => hub.touch(namespace))
  const hub: StreamHub = openHub(foundation, { caches, reconcilers, certificates })
  const seals = runPodSeals(foundation)
  followPods(caches, {
    onChange: (podUid, labels) => {
      authenticator.forget(podUid)
      hub.relabel(podUid, labels)
    },
    onEnd: (podUid) => {
      for (const one of [authenticator, reachability, seals]) one.forget(podUid)
      hub.endPod(podUid)
    },
  })
  runSidecarDrift(foundation, caches)
  const report = (subject: Subject, status: SidecarStatus): void => {
    const seen = { databases: status.databases.filter((one) => isForPod(caches, subject, one)) }
    for (const key of reachability.report(subject, seen, nowMs())) reconcilers.enqueueDatabase(key)
    if (status.seal) seals.report(subject, status.seal)
  }
  return serveSidecars(foundation, parts, { authenticator, hub, reconcilers, report })
}

async function runReconcilers(
  foundation: Foundation,
  { caches, compiler, masterKey }: AdministrationParts,
  reachability: Reachability,
  touch: (namespace: string | null) => void,
): Promise<Reconcilers> {
  const { config, client, events, metrics, nowMs, log, closers } = foundation
  const policyDir = join(config.dataDir, 'policies')
  const shared = { client, events, metrics, nowMs, log }
  const reconcilers = await startReconcilers({ ...shared, caches, compiler, policyDir, masterKey, reachability, touch })
  closers.add('reconcilers', () => reconcilers.stop())
  everySecond(foundation, 'metrics of queues', () => reconcilers.observe())
  return reconcilers
}

interface PodFollower {
  readonly onChange: (podUid: string, labels: Readonly<Record<string, string>>) => void
  readonly onEnd: (podUid: string) => void
}

function followPods(caches: Caches, { onChange, onEnd }: PodFollower): void {
  caches.pods.subscribe((_key, pod, previous) => {
    if (!previous) return
    const { uid } = previous.metadata
    if (pod?.metadata.uid === uid) onChange(uid, pod.metadata.labels ?? {})
    else onEnd(uid)
  })
}

/** A sidecar has a say about Databases its pod may use. */
function isForPod(
  caches: Caches,
  subject: Subject,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): boolean {
  const database = caches.databases.get(`${namespace}/${name}`)
  const labels = caches.namespaces.get(subject.namespace)?.metadata.labels
  return database !== undefined && isGrantableTo(database, subject.namespace, labels)
}

interface Served {
  readonly authenticator: SidecarAuthenticator
  readonly hub: StreamHub
  readonly reconcilers: Reconcilers
  readonly report: (subject: Subject, status: SidecarStatus) => void
}

async function serveSidecars(
  { config, metrics, log, closers }: Foundation,
  { certificates, collector }: AdministrationParts,
  { authenticator, hub, reconcilers, report }: Served,
): Promise<StreamServer> {
  const stream = await startStreamServer({
    ...config.stream,
    certificate: certificates.current(),
    authenticate: (authorization, remoteAddress) => authenticator.authenticate(authorization, remoteAddress),
    hub,
    policy: (digest) => reconcilers.store.wasm(digest),
    audit: (batch) => collector.accept(batch),
    acknowledgedSeq: (source) => collector.acknowledgedSeq(source),
    report,
    onSlow: () => metrics.slowStreams.inc(),
    log: log.child({ component: 'stream' }),
  })
  closers.add('streams', () => stream.close(5000))
  certificates.subscribe(() => {
    stream.renew(certificates.current())
    hub.touch(null)
  })
  return stream
}
