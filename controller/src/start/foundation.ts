import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'
import type { ControllerConfig } from '../config.ts'
import { checkVersion } from '../kube/check-version.ts'
import { KubeClient } from '../kube/client.ts'
import { EventRecorder } from '../kube/events.ts'
import { loadKubeConfig } from '../kube/kube-config.ts'
import type { RunnableCache } from '../reconcile/caches.ts'
import { startHealthServer } from '../telemetry/health-server.ts'
import { createMetrics, type Metrics } from '../telemetry/metrics.ts'
import { Closers } from './closers.ts'
import { Readiness } from './readiness.ts'

/** What every role stands on. */
export interface Foundation {
  readonly config: ControllerConfig
  readonly log: Logger
  /** Unix milliseconds. */
  readonly nowMs: () => number
  readonly metrics: Metrics
  readonly metricsPort: number
  readonly client: KubeClient
  readonly events: EventRecorder
  readonly readiness: Readiness
  readonly closers: Closers
  /** Aborted when everything ends. */
  readonly signal: AbortSignal
}

/**
 * Connects to the API server and opens the port of probes and metrics, on which nothing is ready yet.
 * @throws KubeError when the API server cannot be asked or is too old.
 */
export async function layFoundation(config: ControllerConfig, log: Logger): Promise<Foundation> {
  const nowMs = (): number => Date.now()
  const closers = new Closers()
  const readiness = new Readiness()
  const metrics = createMetrics()
  const client = new KubeClient(loadKubeConfig(config))
  closers.add('connections to the API server', () => client.config.close())
  const kubernetes = await checkVersion(client)
  log.info({ role: config.role, kubernetes, namespace: config.namespace }, 'starting')
  const { registry } = metrics
  const health = await startHealthServer({
    ...config.metrics,
    registry,
    notReady: () => readiness.notReady(),
    unhealthy: () => [],
  })
  closers.add('port of probes', () => {
    health.close()
    health.closeAllConnections()
  })
  const lifetime = new AbortController()
  closers.add('watches', () => lifetime.abort())
  const reporter = `sallyport.dev/${config.role === 'webhook' ? 'webhook' : 'controller'}`
  const events = new EventRecorder({ client, reporter, instance: config.instance, nowMs, log })
  closers.add('Events', () => events.flush())
  const metricsPort = portOf(health.address())
  return { config, log, nowMs, metrics, metricsPort, client, events, readiness, closers, signal: lifetime.signal }
}

/** Calls it now and about once a second until everything ends. */
export function everySecond({ closers }: Foundation, what: string, act: () => void): void {
  act()
  const timer = setInterval(act, 1000)
  closers.add(what, () => clearInterval(timer))
}

/** Runs caches; resolves when all of them are complete. */
export async function runCaches(foundation: Foundation, caches: readonly RunnableCache[]): Promise<void> {
  const { readiness, metrics, signal } = foundation
  for (const cache of caches) {
    readiness.require(`cache of ${cache.resource}`, () => cache.hasSynced())
    void cache.run(signal)
  }
  everySecond(foundation, 'metrics of caches', () => {
    for (const cache of caches) metrics.cacheStaleness.set({ resource: cache.resource }, cache.stalenessSeconds())
  })
  await Promise.all(caches.map((cache) => cache.whenSynced()))
}

function portOf(address: AddressInfo | string | null): number {
  return address === null || typeof address === 'string' ? 0 : address.port
}
