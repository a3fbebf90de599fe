/** The objects as the rest of this program reads them: what the API server has checked against the CRDs. */
import type { Engine, MaskKind, Operation, TlsMode } from '@sallyport/crds'

export interface Meta {
  readonly name: string
  readonly namespace?: string
  readonly uid: string
  readonly resourceVersion: string
  readonly generation?: number
  readonly creationTimestamp?: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

export interface StoredCondition {
  readonly type: string
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason: string
  readonly message: string
  readonly lastTransitionTime: string
  readonly observedGeneration?: number
}

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>
  readonly matchExpressions?: readonly {
    readonly key: string
    readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist'
    readonly values?: readonly string[]
  }[]
}

export interface GrantObject {
  readonly metadata: Meta
  readonly spec: GrantSpec
  readonly status?: GrantStatus
}

export interface GrantSpec {
  readonly subject: { readonly serviceAccountName: string; readonly podSelector?: LabelSelector }
  readonly databaseRef: { readonly name: string; readonly namespace?: string }
  readonly reason: string
  readonly duration?: string
  readonly notBefore?: string
  readonly notAfter?: string
  readonly permissions: readonly {
    readonly operations: readonly Operation[]
    readonly relations: readonly string[]
    readonly columns?: readonly string[]
    readonly maxAffectedRows?: number
  }[]
  readonly functions?: readonly string[]
  readonly catalog?: 'None' | 'Introspect' | 'Dump'
  readonly limits?: {
    readonly rowsPerStatement?: number
    readonly bytesPerStatement?: string | number
    readonly rowsTotal?: number
    readonly statementTimeout?: string
    readonly idleInTransaction?: string
    readonly connections?: number
    readonly affectedRowsPerTransaction?: number
  }
  readonly policyRefs?: readonly { readonly name: string }[]
  readonly approval?: { readonly required?: number }
}

export const grantStates = ['Pending', 'Active', 'Expired', 'Revoked', 'Denied'] as const
export type GrantStateName = (typeof grantStates)[number]

export interface GrantStatus {
  readonly state?: GrantStateName
  readonly activatedAt?: string
  readonly expiresAt?: string
  readonly endedAt?: string
  readonly endReason?: string
  readonly policyDigest?: string
  readonly conditions?: readonly StoredCondition[]
}

export interface SecretRef {
  readonly name: string
}

export interface DatabaseObject {
  readonly metadata: Meta
  readonly spec: DatabaseSpec
  readonly status?: { readonly conditions?: readonly StoredCondition[] }
}

export interface DatabaseSpec {
  readonly engine: Engine
  readonly host: string
  readonly port?: number
  readonly localPort: number
  readonly databases: readonly string[]
  readonly tls?: { readonly mode?: TlsMode; readonly caSecretRef?: { readonly name: string; readonly key?: string } }
  readonly credentials: { readonly static?: { readonly secretRef: SecretRef }; readonly ephemeral?: unknown }
  readonly sensitive?: readonly {
    readonly columns: readonly string[]
    readonly class?: string
    readonly mask: MaskKind
  }[]
  readonly grantableTo?: { readonly from?: 'Same' | 'All' | 'Selector'; readonly namespaceSelector?: LabelSelector }
  readonly audit?: {
    readonly durability?: 'Process' | 'Disk' | 'Collector'
    readonly literals?: 'Redacted' | 'Encrypted'
  }
  readonly limits?: { readonly maxGrantDuration?: string; readonly requiredApprovals?: number }
}

export interface PolicyObject {
  readonly kind: 'AccessPolicy' | 'ClusterAccessPolicy'
  readonly metadata: Meta
  readonly spec: {
    readonly mode?: 'Enforce' | 'DryRun' | 'Disabled'
    readonly rego: string
    /** ClusterAccessPolicy only; absent: every namespace. */
    readonly namespaceSelector?: LabelSelector
  }
  readonly status?: { readonly digest?: string; readonly conditions?: readonly StoredCondition[] }
}
