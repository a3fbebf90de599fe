import { once } from 'node:events'
import { Registry } from 'prom-client'
import type { Logger } from 'pino'
import { PostgresAnalyzer } from './analysis/postgres-analyzer.ts'
import { pause } from './bundle/pause.ts'
import { RowBudget } from './budget/row-budget.ts'
import type { CompilePolicy } from './bundle/folder-source.ts'
import { ClientTls } from './client-tls.ts'
import type { SidecarConfig } from './config.ts'
import { EngineHolder } from './engine-holder.ts'
import { Listeners } from './listeners.ts'
import { sidecarMetrics } from './session/metrics.ts'
import { openCluster, openStandalone, type Source } from './sources.ts'
import { StartGate } from './start-gate.ts'
import { createLogger, serveHealth } from './telemetry.ts'
import { watchSeal } from './watch-seal.ts'

export interface RunOptions {
  readonly config: SidecarConfig
  /** Ends the sidecar at once: sessions are closed, the audit log is flushed. */
  readonly signal: AbortSignal
  /** Ends it when the last client is gone or the time for that is over; at once in standalone mode. */
  readonly drain?: AbortSignal
  /** Standalone mode compiles policies itself; in a cluster they arrive compiled. */
  readonly compilePolicy?: CompilePolicy
}

/**
 * Runs a sidecar until a signal: loads the bundle and the policies, then listens.
 * @throws FolderError, AuditError, or the system's error of an address that cannot be listened on.
 */
export async function runSidecar({ config, signal, drain = signal, compilePolicy }: RunOptions): Promise<void> {
  const log = createLogger(config.logLevel)
  const registry = new Registry()
  const life = new AbortController()
  const gate = new StartGate({ pause, signal: life.signal, log })
  const health = config.health && (await serveHealth(config.health, registry, () => gate.isOpen))
  const stopping = AbortSignal.any([signal, drain])
  const analyzer = await PostgresAnalyzer.load()
  const source = config.kind === 'Standalone' ? openStandalone(config, log, compilePolicy) : openCluster(config, log)
  let endedMs = performance.now()
  try {
    gate.wait('the controller has not yet sent what is granted')
    if (!(await orAborted(source.ready, stopping))) return
    const listeners = await listen(config, source, { analyzer, registry, log })
    if (config.kind === 'Standalone') gate.open()
    else void watchSeal({ config, source, gate, registry, signal: life.signal, log })
    log.info({ mode: config.kind }, 'serving')
    if (!stopping.aborted) await once(stopping, 'abort')
    endedMs = performance.now()
    if (config.kind === 'Cluster') await serveOut(listeners, config.drainMs, signal, log)
    await listeners.close()
  } finally {
    life.abort()
    await source.close(enoughShipping(config, signal, performance.now() - endedMs))
    await analyzer.close()
    health?.close()
  }
}

/** @returns false when the signal came first. */
async function orAborted(promise: Promise<void>, signal: AbortSignal): Promise<boolean> {
  const aborted = signal.aborted ? Promise.resolve() : once(signal, 'abort')
  return Promise.race([promise.then(() => true), aborted.then(() => false)])
}

async function listen(
  config: SidecarConfig,
  source: Source,
  {
    analyzer,
    registry,
    log,
  }: { readonly analyzer: PostgresAnalyzer; readonly registry: Registry; readonly log: Logger },
): Promise<Listeners> {
  const engine = await EngineHolder.load({ ...source, log, guardrailsFile: config.guardrailsFile })
  const isRedirected = config.kind === 'Cluster' && config.interception.kind === 'Redirect'
  const listeners = new Listeners({
    deps: {
      store: source.store,
      audit: source.audit,
      clock: source.clock,
      log,
      metrics: sidecarMetrics(registry),
      rowBudget: new RowBudget(),
      useHostsFile: source.useHostsFile,
      connectTimeoutMs: config.connectTimeoutMs,
      maxMessageBytes: config.maxMessageBytes,
      clientTls: config.clientTls && new ClientTls(config.clientTls, log).secureContext,
    },
    addresses: source.addresses,
    redirects: isRedirected ? config.interception.ports : new Map(),
    onStatus: source.onStatus,
    analyzer,
    engine: engine.current,
  })
  await listeners.open()
  return listeners
}

/**
 * The kubelet stops the sidecar after the application's containers, so what is connected still is on its way out; new
 * connections are served, too. `/readyz` goes on to answer 200: nobody is routed to a sidecar, and it does serve.
 */
async function serveOut(listeners: Listeners, drainMs: number, signal: AbortSignal, log: Logger): Promise<void> {
  if (signal.aborted || listeners.connectionCount === 0) return
  log.info({ connections: listeners.connectionCount, drainMs }, 'ending: open connections are served until they close')
  await listeners.idle(AbortSignal.any([signal, AbortSignal.timeout(drainMs)]))
  const left = listeners.connectionCount
  if (left > 0) log.warn({ connections: left }, 'the time for open connections is over; they are ended')
}

/** Sessions that are ended need 0.5 s at most, records 1.5 s: together the 2 s that the drain leaves of the pod's grace. */
const lastShipmentMs = 1_500
/** A controller that is away holds up the end of a pod no longer than this, though there be time. */
const longestShipmentMs = 10_000

/** Aborts when the pod's last records were waited for long enough; what the drain did not need of its time is theirs. */
function enoughShipping(config: SidecarConfig, signal: AbortSignal, drainedMs: number): AbortSignal {
  if (config.kind === 'Standalone' || signal.aborted) return AbortSignal.timeout(lastShipmentMs)
  const leftMs = Math.max(0, config.drainMs - drainedMs)
  return AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(Math.min(longestShipmentMs, leftMs + lastShipmentMs)))])
}
