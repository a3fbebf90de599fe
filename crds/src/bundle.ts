/**
 * What a controller sends one sidecar, over one long-lived response of newline-delimited JSON
 * (`GET /v1/stream`, bearer: the pod's projected token with audience `sallyport.dev`).
 * Every message is complete in itself: a `Snapshot` replaces the one before it.
 *
 * Other paths of the same server:
 * - `GET /v1/policies/<hex sha256>`: the module's bytes, `application/wasm`, immutable.
 * - `POST /v1/audit`: an {@link AuditBatch}; answered 200 with an {@link AuditAck}, which says what is safe.
 * - `POST /v1/status`: a {@link SidecarStatus}; what the sidecar found when it tried the database, and the way around itself.
 */
import type { MaskKind, Operation } from './operations.ts'

export const sidecarTokenAudience = 'sallyport.dev'

export type StreamMessage = Snapshot | Heartbeat

export interface Heartbeat {
  readonly kind: 'Heartbeat'
  /** The controller's clock when it sent this, Unix milliseconds. */
  readonly unixMs: number
  /** The revision of the last snapshot of this stream. */
  readonly revision: string
}

export interface Snapshot {
  readonly kind: 'Snapshot'
  /** `sha256:` over everything below but `unixMs`: same content, same revision. */
  readonly revision: string
  readonly unixMs: number
  /** PEM of the certificate authorities to trust from now on, the next one included; absent in standalone mode. */
  readonly caBundle?: string
  readonly subject: Subject
  /** Sorted by namespace and name, as are grants and policies. */
  readonly databases: readonly DatabaseBinding[]
  /** Active grants only. One that is gone from here has ended. */
  readonly grants: readonly GrantBinding[]
  readonly policies: readonly PolicyBinding[]
}

/** Who the sidecar acts for, as the TokenReview said. */
export interface Subject {
  readonly namespace: string
  readonly serviceAccount: string
  readonly pod: string
  readonly podUID: string
  readonly labels: Readonly<Record<string, string>>
}

export const engines = ['PostgreSQL', 'MySQL', 'MariaDB'] as const
export type Engine = (typeof engines)[number]

export const tlsModes = ['Disable', 'Require', 'VerifyCA', 'VerifyFull'] as const
export type TlsMode = (typeof tlsModes)[number]

export interface DatabaseBinding {
  readonly namespace: string
  readonly name: string
  readonly engine: Engine
  readonly host: string
  readonly port: number
  /** Where the sidecar listens on 127.0.0.1. */
  readonly localPort: number
  /** Names a client may ask for at login; the first is the default. */
  readonly databases: readonly [string, ...string[]]
  readonly tls: { readonly mode: TlsMode; /** PEM */ readonly ca?: string }
  /** Null while no grant needs it or where it could not be read; `problem` says why. Never logged. */
  readonly credentials: { readonly username: string; readonly password: string } | null
  /** One sentence for the client's FATAL where the Database cannot be used; names field and fix, never a secret. */
  readonly problem?: string
  readonly sensitive: readonly SensitiveColumn[]
  /** Key of `Hash` masks, base64 of 32 bytes. Never logged. */
  readonly hashKey: string
  readonly audit: { readonly durability: 'Process' | 'Disk' | 'Collector'; readonly literals: 'Redacted' | 'Encrypted' }
}

export interface SensitiveColumn {
  /** `schema.table.column`, as the server spells it. */
  readonly column: string
  readonly class: string
  readonly mask: MaskKind
}

export interface GrantBinding {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  /** `sha256:` over spec, activation and end: what a cached decision was made under. */
  readonly revision: string
  /** A {@link DatabaseBinding} of the same snapshot. */
  readonly database: { readonly namespace: string; readonly name: string }
  readonly activatedAtMs: number
  /** Access ends at this instant, Unix milliseconds. */
  readonly expiresAtMs: number
  readonly reason: string
  readonly permissions: readonly Permission[]
  /** `schema.name` of functions allowed beyond the built-in ones. */
  readonly functions: readonly string[]
  readonly catalog: 'None' | 'Introspect' | 'Dump'
  readonly limits: GrantLimits
}

export interface Permission {
  readonly operations: readonly Operation[]
  /** `schema.table` or `schema.*`. */
  readonly relations: readonly string[]
  /** Absent: every column. */
  readonly columns?: readonly string[]
  readonly maxAffectedRows?: number
}

/** Every value resolved: durations in milliseconds, sizes in bytes. Absent: no limit of that kind was set. */
export interface GrantLimits {
  readonly rowsPerStatement?: number
  readonly bytesPerStatement?: number
  readonly rowsTotal?: number
  readonly statementTimeoutMs?: number
  readonly idleInTransactionMs?: number
  readonly connections?: number
  readonly affectedRowsPerTransaction?: number
}

export interface PolicyBinding {
  readonly kind: 'AccessPolicy' | 'ClusterAccessPolicy'
  /** Absent on a ClusterAccessPolicy. */
  readonly namespace?: string
  readonly name: string
  readonly mode: 'Enforce' | 'DryRun'
  /** `sha256:` and the hex digest of the WASM module. */
  readonly digest: string
  /** The module reads `input.now` or `input.session`: judge every execution, cache nothing. */
  readonly volatile: boolean
}

export interface AuditBatch {
  /** `<pod UID>/<boot id>`: one hash chain. */
  readonly source: string
  readonly namespace: string
  readonly pod: string
  /** The spool's lines, byte for byte, without line ends, in order of `seq` and without a gap. None: only the answer is asked for. */
  readonly lines: readonly string[]
  /** The highest `seq` an acknowledgement was received for: what comes before it is not here any more. */
  readonly afterSeq?: number
  /** Somebody waits for the acknowledgement: a statement, or the end of the pod. */
  readonly awaited?: boolean
}

export interface AuditAck {
  /** The highest `seq` of this source that is safe; everything up to it may be deleted from the spool. */
  readonly acknowledgedSeq: number
  /**
   * The highest `seq` that was taken and need not be sent again as long as this number does not fall: by a controller that
   * acknowledges what is in a segment only. Absent: as `acknowledgedSeq`.
   */
  readonly acceptedSeq?: number
}

export const sealReasons = [
  'Redirected',
  'LoginRequired',
  'OpenToAll',
  'DirectPathOpen',
  'NotRedirected',
  'AddressesChanged',
  'ProbeFailed',
] as const
/** One CamelCase word of the pod condition `sallyport.dev/Sealed`. */
export type SealReason = (typeof sealReasons)[number]

export const interceptionModes = ['Local', 'Redirect'] as const
/** How an application's connections reach its sidecar: by names and ports of its own, or by rules of the pod's network. */
export type InterceptionMode = (typeof interceptionModes)[number]

export const sealStatuses = ['True', 'False', 'Unknown'] as const

/** What the last probe of the way around the sidecar found. */
export interface SidecarSeal {
  readonly mode: InterceptionMode
  /**
   * - `True`: `Redirected`, every Database is out of reach but through the sidecar.
   * - `False`: `DirectPathOpen`, `NotRedirected` (a Database the pod was not made for); in `Local` mode `LoginRequired`
   *   (the way around ends at a login prompt) or `OpenToAll` (the database let a stranger in).
   * - `Unknown`: `AddressesChanged`, `ProbeFailed`.
   */
  readonly status: (typeof sealStatuses)[number]
  readonly reason: SealReason
  /** One sentence, free of secrets. */
  readonly message: string
}

export interface SidecarStatus {
  /** Absent before the first probe, and where only Databases are reported. */
  readonly seal?: SidecarSeal
  readonly databases: readonly {
    readonly namespace: string
    readonly name: string
    readonly reachable: boolean
    /** One CamelCase word, e.g. `Connected`, `ConnectionRefused`, `AuthenticationFailed`, `CertificateNotTrusted`. */
    readonly reason: string
    /** One sentence, free of secrets. */
    readonly message: string
  }[]
}
