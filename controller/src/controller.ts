import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SidecarStatus, Subject } from '@sallyport/crds'
import type { Logger } from 'pino'
import { Collector } from './audit/collector.ts'
import { kubeSegmentStore } from './audit/segment-store.ts'
import { SidecarAuthenticator } from './bundles/authenticate-sidecar.ts'
import { StreamHub } from './bundles/stream-hub.ts'
import { startStreamServer } from './bundles/stream-server.ts'
import type { ControllerConfig } from './config.ts'
import { buildSnapshot } from './grants/build-snapshot.ts'
import { isGrantableTo } from './grants/grantable-to.ts'
import { KubeClient } from './kube/client.ts'
import { EventRecorder } from './kube/events.ts'
import { loadKubeConfig } from './kube/kube-config.ts'
import { allPolicies, createCaches, eachCache } from './reconcile/caches.ts'
import { ensureMasterKey } from './reconcile/keys.ts'
import { Reachability } from './reconcile/reachability.ts'
import { startReconcilers } from './reconcile/start-reconcilers.ts'
import type { Certificates, Rooms } from './rooms.ts'
import { startHealthServer } from './telemetry/health-server.ts'
import { cacheMetrics, collectorMetrics, createMetrics } from './telemetry/metrics.ts'

export interface RunningController {
  readonly streamPort: number
  readonly admissionPort: number
  readonly metricsPort: number
  /** Names of what is not ready; empty: ready. */
  readonly notReady: () => readonly string[]
  /** Fails readiness, drains, and closes everything; idempotent. */
  readonly stop: () => Promise<void>
  /** Resolves when it has stopped, rejects when it must end because it is broken. */
  readonly ended: Promise<void>
}

/**
 * Starts everything. Resolves when it listens and the caches are synced; `notReady` tells what is still missing.
 * @throws KubeError, CollectorError when it cannot start.
 */
export async function runController(config: ControllerConfig, rooms: Rooms, log: Logger): Promise<RunningController> {
  const nowMs = (): number => Date.now()
  const metrics = createMetrics()
  const client = new KubeClient(loadKubeConfig(config))
  const lifetime = new AbortController()
  const broken = Promise.withResolvers<never>()
  // Whoever awaits `ended` hears of it.
  broken.promise.catch(() => undefined)
  const caches = createCaches(client, log, cacheMetrics(metrics))
  const problems = new Map<string, () => boolean>()
  const notReady = (): string[] => [...problems].filter(([, isReady]) => !isReady()).map(([name]) => name)
  problems.set('started', () => false)
  const health = await startHealthServer({
    ...config.metrics,
    registry: metrics.registry,
    notReady,
    unhealthy: () => [],
  })
  for (const cache of eachCache(caches)) {
    problems.set(`cache of ${cache.resource}`, () => cache.hasSynced())
    void cache.run(lifetime.signal)
  }
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 })
  const masterKey = await ensureMasterKey(client, config.namespace, `${config.name}-keys`)
  const collector = await Collector.open({
    dir: join(config.dataDir, 'audit'),
    streamPrefix:
      config.instance
        .toLowerCase()
        .replaceAll(/[^a-z0-9-]/g, '-')
        .replace(/^-+/, '') || config.name,
    store: kubeSegmentStore(client, config.namespace),
    nowMs,
    log: log.child({ component: 'audit' }),
    metrics: collectorMetrics(metrics),
    onBroken: (error) => broken.reject(error),
  })
  await Promise.all(eachCache(caches).map((cache) => cache.whenSynced()))
  const context = { config, client, caches, masterKey, metrics, log }
  const certificates: Certificates = await rooms.openCertificates(context)
  problems.set('certificate authority published', () => certificates.isPublished())
  const events = new EventRecorder({ client, instance: config.instance, nowMs, log })
  const reachability = new Reachability()
  const authenticator = new SidecarAuthenticator({
    client,
    nowMs,
    onResult: (result) => metrics.authentications.inc({ result }),
  })
  const reconcilers = await startReconcilers({
    client,
    caches,
    compiler: rooms.compiler,
    policyDir: join(config.dataDir, 'policies'),
    masterKey,
    reachability,
    events,
    metrics,
    nowMs,
    log,
    touch: (namespace) => hub.touch(namespace),
  })
  const hub: StreamHub = new StreamHub({
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
  caches.pods.subscribe((_key, pod, previous) => {
    const uid = (pod ?? previous)?.metadata.uid
    if (uid === undefined) return
    if (previous) authenticator.forget(previous.metadata.uid)
    if (pod && previous?.metadata.uid === uid) hub.relabel(uid, pod.metadata.labels ?? {})
    if (!previous || previous.metadata.uid === pod?.metadata.uid) return
    hub.endPod(previous.metadata.uid)
    reachability.forget(previous.metadata.uid)
  })
  const report = (subject: Subject, status: SidecarStatus): void => {
    const labels = caches.namespaces.get(subject.namespace)?.metadata.labels
    const databases = status.databases.filter(({ namespace, name }) => {
      const database = caches.databases.get(`${namespace}/${name}`)
      return database !== undefined && isGrantableTo(database, subject.namespace, labels)
    })
    for (const key of reachability.report(subject, { databases }, nowMs())) reconcilers.enqueueDatabase(key)
  }
  const stream = await startStreamServer({
    ...config.stream,
    certificate: certificates.current(),
    authenticate: (authorization) => authenticator.authenticate(authorization),
    hub,
    policy: (digest) => reconcilers.store.wasm(digest),
    audit: (batch) => collector.accept(batch),
    acknowledgedSeq: (source) => collector.acknowledgedSeq(source),
    report,
    onSlow: () => metrics.slowStreams.inc(),
    log: log.child({ component: 'stream' }),
  })
  certificates.subscribe(() => {
    stream.renew(certificates.current())
    hub.touch(null)
  })
  const admission = await rooms.startAdmission(context, certificates)
  const ticking = setInterval(() => {
    void collector.tick()
    for (const cache of eachCache(caches)) {
      metrics.cacheStaleness.set({ resource: cache.resource }, cache.stalenessSeconds())
    }
    reconcilers.observe()
  }, 1000)
  problems.delete('started')
  log.info({ streamPort: stream.port, namespace: config.namespace }, 'the controller has started')

  const finish = async (): Promise<void> => {
    problems.set('shutting down', () => false)
    log.info('shutting down')
    await sleep(config.drainSeconds * 1000)
    await admission.close()
    await stream.close(5000)
    clearInterval(ticking)
    await reconcilers.stop()
    await collector.close()
    await events.flush()
    await certificates.close()
    lifetime.abort()
    health.close()
    health.closeAllConnections()
    await client.config.close()
  }
  let stopping: Promise<void> | null = null
  const stopped = Promise.withResolvers<undefined>()
  const stop = (): Promise<void> => {
    stopping ??= finish().then(() => stopped.resolve(undefined), stopped.reject)
    return stopping
  }
  return {
    streamPort: stream.port,
    admissionPort: admission.port,
    metricsPort: portOf(health.address()),
    notReady,
    stop,
    ended: Promise.race([stopped.promise, broken.promise]),
  }
}

function portOf(address: AddressInfo | string | null): number {
  return address === null || typeof address === 'string' ? 0 : address.port
}
