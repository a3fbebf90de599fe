import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { Registry } from 'prom-client'
import type { Logger } from 'pino'
import { PostgresAnalyzer } from './analysis/postgres-analyzer.ts'
import { openAuditFile } from './audit/audit-file.ts'
import { openSpool } from './audit/spool.ts'
import { shipSpool } from './audit/ship-spool.ts'
import { connectController, runBundleClient } from './bundle/bundle-client.ts'
import { RowBudget } from './budget/row-budget.ts'
import { BundleStore } from './bundle/bundle-store.ts'
import { ExpiryClock } from './bundle/expiry-clock.ts'
import { watchFolder, type CompilePolicy } from './bundle/folder-source.ts'
import type { ClusterConfig, SidecarConfig, StandaloneConfig } from './config.ts'
import { EngineHolder } from './engine-holder.ts'
import { Listeners } from './listeners.ts'
import type { AuditLog } from './model/audit-event.ts'
import { sidecarMetrics } from './session/metrics.ts'
import { createLogger, serveHealth } from './telemetry.ts'

export interface RunOptions {
  readonly config: SidecarConfig
  /** Ends the sidecar: sessions are closed, the audit log is flushed. */
  readonly signal: AbortSignal
  /** Standalone mode compiles policies itself; in a cluster they arrive compiled. */
  readonly compilePolicy?: CompilePolicy
}

/** What both modes give the engine. */
interface Source {
  readonly store: BundleStore
  readonly clock: ExpiryClock
  readonly audit: AuditLog
  readonly useHostsFile: boolean
  readonly addresses: Parameters<typeof listen>[1]
  readonly onStatus: Parameters<typeof listen>[2]
  /** Resolves when there is a snapshot to serve under. */
  readonly ready: Promise<void>
  /** Ends what the source runs and flushes the audit log. */
  readonly close: () => Promise<void>
}

/**
 * Runs a sidecar until the signal: loads the bundle and the policies, then listens.
 * @throws FolderError, AuditError, or the system's error of an address that cannot be listened on.
 */
export async function runSidecar({ config, signal, compilePolicy }: RunOptions): Promise<void> {
  const log = createLogger(config.logLevel)
  const registry = new Registry()
  let ready = false
  const health = config.health && (await serveHealth(config.health, registry, () => ready))
  const analyzer = await PostgresAnalyzer.load()
  const source =
    config.kind === 'Standalone' ? openStandalone(config, log, signal, compilePolicy) : openCluster(config, log, signal)
  try {
    await source.ready
    const engine = await EngineHolder.load({ ...source, log, guardrailsFile: config.guardrailsFile })
    const listeners = listen(
      {
        store: source.store,
        audit: source.audit,
        clock: source.clock,
        log,
        metrics: sidecarMetrics(registry),
        rowBudget: new RowBudget(),
        useHostsFile: source.useHostsFile,
        connectTimeoutMs: config.connectTimeoutMs,
        maxMessageBytes: config.maxMessageBytes,
      },
      source.addresses,
      source.onStatus,
      { analyzer, engine: engine.current },
    )
    await listeners.open()
    ready = true
    log.info({ mode: config.kind }, 'ready')
    if (!signal.aborted) await once(signal, 'abort')
    ready = false
    await listeners.close()
  } finally {
    await source.close()
    await analyzer.close()
    health?.close()
  }
}

function listen(
  deps: ConstructorParameters<typeof Listeners>[0]['deps'],
  addresses: ConstructorParameters<typeof Listeners>[0]['addresses'],
  onStatus: ConstructorParameters<typeof Listeners>[0]['onStatus'],
  judge: Pick<ConstructorParameters<typeof Listeners>[0], 'analyzer' | 'engine'>,
): Listeners {
  return new Listeners({ deps, addresses, redirects: new Map(), onStatus, ...judge })
}

function openStandalone(
  config: StandaloneConfig,
  log: Logger,
  signal: AbortSignal,
  compilePolicy: CompilePolicy | undefined,
): Source {
  const clock = new ExpiryClock()
  const store = new BundleStore({ clock })
  const audit = openAuditFile({ path: config.auditFile, clock, log })
  return {
    store,
    clock,
    audit,
    useHostsFile: true,
    addresses: () => [],
    onStatus: ({ databases }) => log.info({ databases }, 'state of a Database'),
    ready: watchFolder({ dir: config.dir, subject: config.subject, store, compilePolicy, clock, log, signal }),
    close: () => audit.close(),
  }
}

/** How long records may still be shipped when the pod ends. */
const lastShipmentMs = 3_000

function openCluster(config: ClusterConfig, log: Logger, signal: AbortSignal): Source {
  const clock = new ExpiryClock()
  const store = new BundleStore({ clock })
  const source = `${config.pod.uid}/${randomUUID()}`
  const spool = openSpool({ dir: config.spoolDir, source, maxBytes: config.spoolMaxBytes, clock, log })
  const controller = connectController({
    controllerUrl: config.controllerUrl,
    ca: config.controllerCa,
    tokenFile: config.tokenFile,
    log,
  })
  const shipping = new AbortController()
  const shipped = shipSpool({
    spool,
    post: (batch) => controller.postAudit({ ...batch, namespace: config.pod.namespace, pod: config.pod.name }),
    signal: shipping.signal,
    log,
  })
  const streaming = runBundleClient({ controller, store, clock, signal, log })
  return {
    store,
    clock,
    audit: spool,
    useHostsFile: config.useHostsFile,
    addresses: (database) =>
      config.listen
        .filter((entry) => entry.database === `${database.namespace}/${database.name}`)
        .map((entry) => entry.address),
    onStatus: (status) => {
      controller.postStatus(status).catch((cause: unknown) => log.warn({ err: cause }, 'the status could not be sent'))
    },
    ready: new Promise((resolve, reject) => {
      if (signal.aborted) reject(signal.reason as Error)
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
      const unsubscribe = store.subscribe(() => {
        unsubscribe()
        resolve()
      })
    }),
    close: async () => {
      await spool.flush()
      const deadline = performance.now() + lastShipmentMs
      while (spool.pending() && performance.now() < deadline) await delay(20)
      shipping.abort()
      await Promise.all([shipped, streaming])
      await spool.close()
    },
  }
}
