import { mkdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { publishImages } from './admission/publish-images.ts'
import type { ControllerConfig } from './config.ts'
import { waitFor } from './kube/wait-for.ts'
import { createCaches, eachAdmissionCache, eachCache, type Caches } from './reconcile/caches.ts'
import { ensureMasterKey, readMasterKey } from './reconcile/keys.ts'
import type { AdmissionServer, Certificates, Rooms } from './rooms.ts'
import { everySecond, layFoundation, runCaches, type Foundation } from './start/foundation.ts'
import { openCollector } from './start/open-collector.ts'
import { startAdministration } from './start/start-administration.ts'
import { cacheMetrics } from './telemetry/metrics.ts'

export interface RunningController {
  /** 0: this role has no streams. */
  readonly streamPort: number
  /** 0: this role has no admission. */
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
 * Starts what the role says. Resolves when it listens and the caches are synced; `notReady` tells what is still missing.
 * @throws KubeError, CollectorError, CertificateError when it cannot start.
 */
export async function runController(config: ControllerConfig, rooms: Rooms, log: Logger): Promise<RunningController> {
  const foundation = await layFoundation(config, log)
  const { readiness } = foundation
  const broken = Promise.withResolvers<never>()
  // Whoever awaits `ended` hears of it.
  broken.promise.catch(() => undefined)
  const parts = await readiness.until('started', startRole(foundation, rooms, broken.reject)).catch(giveUp(foundation))
  log.info({ role: config.role, streamPort: parts.streamPort }, 'the controller has started')
  let stopping: Promise<void> | null = null
  const stopped = Promise.withResolvers<undefined>()
  const stop = (): Promise<void> => {
    stopping ??= finish(foundation, parts.admission).then(() => stopped.resolve(undefined), stopped.reject)
    return stopping
  }
  return {
    streamPort: parts.streamPort,
    admissionPort: parts.admission?.port ?? 0,
    metricsPort: foundation.metricsPort,
    notReady: () => readiness.notReady(),
    stop,
    ended: Promise.race([stopped.promise, broken.promise]),
  }
}

/** What was opened is closed before the failure is told. */
function giveUp({ closers, log }: Foundation): (error: unknown) => Promise<never> {
  return async (error) => {
    await closers.closeAll(log).catch(() => undefined)
    throw error
  }
}

interface Parts {
  readonly streamPort: number
  readonly admission: AdmissionServer | null
}

async function startRole(foundation: Foundation, rooms: Rooms, onBroken: (error: unknown) => void): Promise<Parts> {
  const { config, client, log, metrics } = foundation
  const caches = createCaches(client, log, cacheMetrics(metrics))
  const isWebhook = config.role === 'webhook'
  if (config.role !== 'controller') keepImagesPublished(foundation)
  const synced = runCaches(foundation, isWebhook ? eachAdmissionCache(caches) : eachCache(caches))
  const masterKey = await findMasterKey(foundation)
  const certificates = await openCertificates(foundation, rooms)
  const streamPort = isWebhook ? 0 : await administer(foundation, rooms, { caches, synced, masterKey, certificates, onBroken }) // prettier-ignore
  await synced
  if (config.role === 'controller') return { streamPort, admission: null }
  const admission = await rooms.startAdmission({ ...foundation, caches, masterKey }, certificates)
  foundation.closers.add('admission', () => admission.close())
  return { streamPort, admission }
}

/** Whoever admits pods must first be believed by the admission policies. */
function keepImagesPublished({ config, client, nowMs, log, readiness, closers }: Foundation): void {
  const { namespace, sidecarImage, redirectImage } = config
  const name = `${config.name}-injection`
  const images = publishImages({ client, namespace, name, images: [sidecarImage, redirectImage], nowMs, log })
  readiness.require(`images published in the ConfigMap ${namespace}/${name}`, () => images.isPublished())
  closers.add('images', () => images.close())
}

/** The webhook may not write Secrets: it waits for the other role to make it. */
async function findMasterKey({ config, client, readiness, log, signal }: Foundation): Promise<Buffer> {
  const name = `${config.name}-keys`
  if (config.role !== 'webhook') return ensureMasterKey(client, config.namespace, name)
  const what = `the Secret ${config.namespace}/${name}`
  const look = async () => {
    const value = await readMasterKey(client, config.namespace, name)
    return value ? ({ kind: 'Found', value } as const) : ({ kind: 'NotYet', why: 'the controller has not made it yet' } as const) // prettier-ignore
  }
  return readiness.until(what, waitFor({ what, look, log, signal }))
}

async function openCertificates(foundation: Foundation, rooms: Rooms): Promise<Certificates> {
  const { config, readiness, closers, metrics, nowMs } = foundation
  const certificates = await readiness.until('certificate', rooms.openCertificates(foundation))
  closers.add('certificates', () => certificates.close())
  everySecond(foundation, 'metrics of certificates', () => {
    metrics.certificateExpiry.set((certificates.expiresAtMs() - nowMs()) / 1000)
    metrics.authorityPublished.set(certificates.isPublished() ? 1 : 0)
  })
  // Without admission sidecars are served all the same: they are told whom to trust by the pod and the stream.
  if (config.role !== 'controller')
    readiness.require('certificate authority published', () => certificates.isPublished())
  return certificates
}

interface Administered {
  readonly caches: Caches
  readonly synced: Promise<void>
  readonly masterKey: Buffer
  readonly certificates: Certificates
  readonly onBroken: (error: unknown) => void
}

/** @returns the port of the streams. */
async function administer(
  foundation: Foundation,
  { compiler }: Rooms,
  { caches, synced, masterKey, certificates, onBroken }: Administered,
): Promise<number> {
  mkdirSync(foundation.config.dataDir, { recursive: true, mode: 0o700 })
  const collector = await openCollector(foundation, onBroken)
  await synced
  const { port } = await startAdministration(foundation, { caches, masterKey, certificates, collector, compiler })
  return port
}

async function finish(
  { config, readiness, closers, log }: Foundation,
  admission: AdmissionServer | null,
): Promise<void> {
  readiness.require('shutting down', () => false)
  log.info('shutting down')
  admission?.drain()
  await sleep(config.drainSeconds * 1000)
  await closers.closeAll(log)
}
