import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { DatabaseBinding, SidecarSeal, SidecarStatus } from '@sallyport/crds'
import { openAuditFile } from './audit/audit-file.ts'
import { openSpool } from './audit/spool.ts'
import { shipSpool } from './audit/ship-spool.ts'
import { connectController, runBundleClient } from './bundle/bundle-client.ts'
import { BundleStore } from './bundle/bundle-store.ts'
import { ExpiryClock } from './bundle/expiry-clock.ts'
import { watchFolder, type CompilePolicy } from './bundle/folder-source.ts'
import { pause } from './bundle/pause.ts'
import type { ClusterConfig, StandaloneConfig } from './config.ts'
import type { AuditLog } from './model/audit-event.ts'
import type { ListenAddress } from './session/database-listener.ts'
import { StatusReporter } from './status-reporter.ts'

/** Where a sidecar's grants come from, and where its records go. */
export interface Source {
  readonly store: BundleStore
  readonly clock: ExpiryClock
  readonly audit: AuditLog
  readonly useHostsFile: boolean
  /** Further addresses of a Database. */
  readonly addresses: (database: DatabaseBinding) => readonly ListenAddress[]
  readonly onStatus: (status: SidecarStatus) => void
  readonly onSeal: (seal: SidecarSeal) => void
  /** Resolves when there is a snapshot to serve under, which in a cluster proves who this is. Rejects with a FolderError. */
  readonly ready: Promise<void>
  /** Ends what the source runs, and flushes the audit log; what is not shipped when `enough` aborts stays in the spool. */
  readonly close: (enough: AbortSignal) => Promise<void>
}

export function openStandalone(
  config: StandaloneConfig,
  log: Logger,
  compilePolicy: CompilePolicy | undefined,
): Source {
  const clock = new ExpiryClock()
  const store = new BundleStore({ clock })
  const audit = openAuditFile({ path: config.auditFile, clock, log })
  const life = new AbortController()
  const { dir, subject } = config
  return {
    store,
    clock,
    audit,
    useHostsFile: true,
    addresses: () => [],
    onStatus: ({ databases }) => log.info({ databases }, 'state of a Database'),
    onSeal: () => undefined,
    ready: watchFolder({ dir, subject, store, compilePolicy, clock, log, signal: life.signal }),
    close: async () => {
      life.abort()
      await audit.close()
    },
  }
}

export function openCluster(config: ClusterConfig, log: Logger): Source {
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
  const life = new AbortController()
  const { signal } = life
  const shipped = shipSpool({
    spool,
    post: (batch) => controller.postAudit({ ...batch, namespace: config.pod.namespace, pod: config.pod.name }),
    signal,
    log,
    drainMs: 0,
  })
  const reporter = new StatusReporter({ post: (status) => controller.postStatus(status), pause, signal, log })
  store.subscribe(() => {
    const databases = new Set(store.current()?.databases.map(({ namespace, name }) => `${namespace}/${name}`))
    reporter.retain((key) => databases.has(key))
  })
  const streaming = runBundleClient({ controller, store, clock, signal, log, onOpen: () => reporter.repeat() })
  return {
    store,
    clock,
    audit: spool,
    useHostsFile: config.useHostsFile,
    addresses: (database) =>
      config.listen
        .filter((entry) => entry.database === `${database.namespace}/${database.name}`)
        .map((entry) => entry.address),
    onStatus: ({ databases }) => {
      for (const database of databases) reporter.database(database)
    },
    onSeal: (seal) => reporter.seal(seal),
    ready: new Promise((resolve) => {
      const unsubscribe = store.subscribe(() => {
        unsubscribe()
        resolve()
      })
    }),
    close: async (enough) => {
      await spool.flush()
      spool.hurry()
      while (!spool.isAcknowledged && !enough.aborted) await delay(20)
      life.abort()
      // A request that hangs would outlive the time that is left.
      controller.close()
      await Promise.all([shipped, streaming])
      await spool.close()
    },
  }
}
