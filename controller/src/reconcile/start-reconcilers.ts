import type { Logger } from 'pino'
import { ExpiryHeap } from '../grants/expiry-heap.ts'
import type { KubeClient } from '../kube/client.ts'
import type { EventRecorder } from '../kube/events.ts'
import { splitKey } from '../kube/objects.ts'
import { WorkQueue } from '../kube/work-queue.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { GrantReconciler } from './access-grant.ts'
import { policyKey, PolicyReconciler, type CompilePolicy } from './access-policy.ts'
import { databaseKeyOf, type Caches } from './caches.ts'
import { DatabaseReconciler } from './database.ts'
import { PolicyStore } from './policy-store.ts'
import type { Reachability } from './reachability.ts'

export interface ReconcilersOptions {
  readonly client: KubeClient
  /** Synced. */
  readonly caches: Caches
  readonly compiler: { readonly compile: CompilePolicy; readonly version: string }
  readonly policyDir: string
  readonly masterKey: Buffer
  readonly reachability: Reachability
  readonly events: EventRecorder
  readonly metrics: Metrics
  /** Unix milliseconds. */
  readonly nowMs: () => number
  readonly log: Logger
  /** What pods of a namespace get has changed; null: of any. Not called before this function has resolved. */
  readonly touch: (namespace: string | null) => void
}

export interface Reconcilers {
  readonly databases: DatabaseReconciler
  readonly policies: PolicyReconciler
  readonly store: PolicyStore
  readonly enqueueDatabase: (key: string) => void
  /** Sets the gauges. */
  readonly observe: () => void
  readonly stop: () => Promise<void>
}

/**
 * Ties caches, queues and reconcilers together. Resolves when every policy and Database that exists was looked at once:
 * no snapshot may leave before, or it would lack a policy that judges.
 */
export async function startReconcilers(options: ReconcilersOptions): Promise<Reconcilers> {
  const { client, caches, events, metrics, nowMs, log } = options
  let isStarted = false
  const touch = (namespace: string | null): void => {
    if (isStarted) options.touch(namespace)
  }
  const queue = (name: string, handle: (key: string) => Promise<number | null>, concurrency: number): WorkQueue =>
    new WorkQueue({
      name,
      handle,
      concurrency,
      log,
      onResult: (result, durationMs) => {
        metrics.reconciles.inc({ queue: name, result })
        metrics.reconcileSeconds.observe({ queue: name }, durationMs / 1000)
      },
    })
  const store = PolicyStore.open(options.policyDir, log)
  const policies = new PolicyReconciler({
    client,
    caches: { AccessPolicy: caches.accessPolicies, ClusterAccessPolicy: caches.clusterPolicies },
    store,
    compile: options.compiler.compile,
    compilerVersion: options.compiler.version,
    events,
    nowMs,
    log,
    onCompiled: (result) => metrics.policyCompilations.inc({ result }),
    onChange: () => {
      for (const grant of caches.grants.list()) if (grant.status?.state !== 'Expired') addGrant(grant.metadata)
      touch(null)
    },
  })
  const databases = new DatabaseReconciler({
    client,
    cache: caches.databases,
    masterKey: options.masterKey,
    reachability: options.reachability,
    events,
    nowMs,
    onResolved: (key) => {
      for (const grant of caches.grants.byIndex('database', key)) addGrant(grant.metadata)
      touch(null)
    },
  })
  const boundaries = new ExpiryHeap({
    nowMs,
    onDue: (key) => {
      grantQueue.add(key)
      touch(splitKey(key).namespace ?? null)
    },
  })
  const grants = new GrantReconciler({
    client,
    caches,
    database: (key) => databases.get(key),
    moduleOf: (policy) => policies.moduleOf(policy),
    boundaries,
    events,
    nowMs,
    onActivated: (sinceCreationMs) => metrics.activationSeconds.observe(sinceCreationMs / 1000),
  })
  const grantQueue = queue('grants', (key) => grants.reconcile(key), 16)
  const databaseQueue = queue('databases', (key) => databases.reconcile(key), 8)
  const policyQueue = queue('policies', (key) => policies.reconcile(key), 2)
  const addGrant = ({ namespace, name }: { readonly namespace?: string; readonly name: string }): void =>
    grantQueue.add(`${namespace ?? ''}/${name}`)

  const unsubscribe = [
    caches.accessPolicies.subscribe((_key, policy, previous) => {
      const changed = policy ?? previous
      if (changed) policyQueue.add(policyKey(changed))
      if (previous && policy?.metadata.generation !== previous.metadata.generation) touch(null)
    }),
    caches.clusterPolicies.subscribe((_key, policy, previous) => {
      const changed = policy ?? previous
      if (changed) policyQueue.add(policyKey(changed))
      if (previous && policy?.metadata.generation !== previous.metadata.generation) touch(null)
    }),
    caches.databases.subscribe((key) => databaseQueue.add(key)),
    caches.namespaces.subscribe((key) => {
      for (const grant of caches.grants.byIndex('namespace', key)) addGrant(grant.metadata)
      touch(key)
    }),
    caches.grants.subscribe((key, grant, previous) => {
      grantQueue.add(key)
      if (!grant && previous) grants.recordDeleted(previous)
      // A grant on a Database that could not be used is the moment to try its Secret again.
      if (grant && !previous && grant.status?.state === undefined) databaseQueue.add(databaseKeyOf(grant))
      touch(splitKey(key).namespace ?? null)
    }),
  ]
  policyQueue.start()
  databaseQueue.start()
  await Promise.all([policyQueue.settled(), databaseQueue.settled()])
  isStarted = true
  grantQueue.start()

  return {
    databases,
    policies,
    store,
    enqueueDatabase: (key) => databaseQueue.add(key),
    observe: () => {
      metrics.queueLength.set({ queue: 'grants' }, grantQueue.length)
      metrics.queueLength.set({ queue: 'databases' }, databaseQueue.length)
      metrics.queueLength.set({ queue: 'policies' }, policyQueue.length)
      countGrants(caches, metrics)
    },
    stop: async () => {
      for (const end of unsubscribe) end()
      boundaries.clear()
      await Promise.all([grantQueue.stop(), databaseQueue.stop(), policyQueue.stop()])
    },
  }
}

function countGrants(caches: Caches, metrics: Metrics): void {
  const counts = new Map<string, number>([
    ['Pending', 0],
    ['Active', 0],
    ['Expired', 0],
    ['Revoked', 0],
    ['Denied', 0],
  ])
  for (const grant of caches.grants.list()) {
    const state = grant.status?.state ?? 'Pending'
    counts.set(state, (counts.get(state) ?? 0) + 1)
  }
  for (const [state, count] of counts) metrics.grants.set({ state }, count)
}
