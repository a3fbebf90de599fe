import type { Cluster } from './cluster.ts'
import { readMetrics, type MetricsFact } from './facts/metrics.ts'
import { injectLabel, readNamespaces, type NamespaceFact } from './facts/namespaces.ts'
import { readPods, type PodFact } from './facts/pods.ts'
import { readRelease, type Release, type ReleaseName } from './facts/release.ts'
import { readWebhooks, type WebhookFacts } from './facts/webhooks.ts'

export interface Scope extends ReleaseName {
  /** Where the probe's pods are proposed. */
  readonly testNamespace: string
}

/** What several checks read, each read at most once and only when asked for. */
export class Survey {
  readonly cluster: Cluster
  readonly scope: Scope
  /** Unix milliseconds, this machine's. */
  readonly nowMs: () => number
  readonly release: () => Promise<Release>
  readonly webhooks: () => Promise<WebhookFacts>
  readonly namespaces: () => Promise<readonly NamespaceFact[]>
  readonly pods: () => Promise<readonly PodFact[]>
  readonly metrics: () => Promise<MetricsFact>

  constructor(cluster: Cluster, scope: Scope, nowMs: () => number) {
    this.cluster = cluster
    this.scope = scope
    this.nowMs = nowMs
    this.release = once(() => readRelease(cluster, scope))
    this.webhooks = once(() => readWebhooks(cluster, scope.name))
    this.namespaces = once(() => readNamespaces(cluster))
    this.pods = once(async () => readPods(cluster, enrolledNames(await this.namespaces())))
    this.metrics = once(() => readMetrics(cluster, scope))
  }
}

function enrolledNames(namespaces: readonly NamespaceFact[]): ReadonlySet<string> {
  return new Set(namespaces.filter(({ labels }) => labels[injectLabel] === 'enabled').map(({ name }) => name))
}

function once<T>(read: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | null = null
  return () => (answer ??= read())
}
