import type { Logger } from 'pino'
import type { ControllerConfig } from './config.ts'
import type { KubeClient } from './kube/client.ts'
import type { EventRecorder } from './kube/events.ts'
import type { AdmissionCaches } from './reconcile/caches.ts'
import type { CompilePolicy } from './reconcile/access-policy.ts'
import type { ServingCertificate } from './bundles/stream-server.ts'
import type { Metrics } from './telemetry/metrics.ts'

/** What webhooks and the stream serve TLS with. */
export interface Certificates {
  readonly current: () => ServingCertificate
  /** PEM of the authorities sidecars and the API server shall trust: the current one and, around a rotation, the other. */
  readonly caBundle: () => string
  /** The API server has been told whom to trust. */
  readonly isPublished: () => boolean
  /** End of the certificate, Unix milliseconds. */
  readonly expiresAtMs: () => number
  /** Calls whenever certificate or authorities change. */
  readonly subscribe: (changed: () => void) => void
  readonly close: () => Promise<void>
}

/** Closes what was opened. */
export interface Closable {
  readonly close: () => Promise<void>
}

export interface AdmissionServer extends Closable {
  readonly port: number
  /** Answers on, and asks whoever it answers to come back to another replica. */
  readonly drain: () => void
}

export interface RoomContext {
  readonly config: ControllerConfig
  readonly client: KubeClient
  /** Synced. */
  readonly caches: AdmissionCaches
  /** 32 bytes all keys are derived from, the same in every replica and over restarts. Never logged. */
  readonly masterKey: Buffer
  readonly events: EventRecorder
  readonly metrics: Metrics
  readonly log: Logger
  /** Aborted when everything ends. */
  readonly signal: AbortSignal
}

/** What certificates are opened with: before anything else is there. */
export type CertificateContext = Pick<RoomContext, 'config' | 'client' | 'metrics' | 'log' | 'signal'>

/** The rooms the controller is put together from, beside those it always has. */
export interface Rooms {
  /** Resolves when there is a certificate to serve with. */
  readonly openCertificates: (context: CertificateContext) => Promise<Certificates>
  readonly startAdmission: (context: RoomContext, certificates: Certificates) => Promise<AdmissionServer>
  readonly compiler: { readonly compile: CompilePolicy; /** Changes when results may. */ readonly version: string }
}
