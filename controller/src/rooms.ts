import type { Logger } from 'pino'
import type { ControllerConfig } from './config.ts'
import type { KubeClient } from './kube/client.ts'
import type { Caches } from './reconcile/caches.ts'
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
}

export interface RoomContext {
  readonly config: ControllerConfig
  readonly client: KubeClient
  readonly caches: Caches
  /** 32 bytes all keys are derived from, the same in every replica and over restarts. Never logged. */
  readonly masterKey: Buffer
  readonly metrics: Metrics
  readonly log: Logger
}

/** The rooms the controller is put together from, beside those it always has. */
export interface Rooms {
  readonly openCertificates: (context: RoomContext) => Promise<Certificates>
  readonly startAdmission: (context: RoomContext, certificates: Certificates) => Promise<AdmissionServer>
  readonly compiler: { readonly compile: CompilePolicy; /** Changes when results may. */ readonly version: string }
}
