import type { Engine, MaskKind, Operation, TlsMode } from '@sallyport/crds'

interface Meta {
  readonly name: string
  readonly namespace: string
}

export interface FolderDatabase {
  readonly file: string
  readonly metadata: Meta
  readonly spec: {
    readonly engine: Engine
    readonly host: string
    readonly port?: number
    readonly localPort: number
    readonly databases: readonly [string, ...string[]]
    readonly tls?: { readonly mode?: TlsMode; readonly caSecretRef?: { readonly name: string; readonly key?: string } }
    readonly credentials: { readonly static?: { readonly secretRef: { readonly name: string } } }
    readonly sensitive?: readonly {
      readonly columns: readonly string[]
      readonly class?: string
      readonly mask: MaskKind
    }[]
    readonly grantableTo?: { readonly from?: 'Same' | 'All' | 'Selector' }
    readonly audit?: {
      readonly durability?: 'Process' | 'Disk' | 'Collector'
      readonly literals?: 'Redacted' | 'Encrypted'
    }
    readonly limits?: { readonly maxGrantDuration?: string }
  }
}

export interface FolderGrant {
  readonly file: string
  readonly metadata: Meta
  readonly spec: {
    readonly subject: { readonly serviceAccountName: string }
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
}

export interface FolderPolicy {
  readonly file: string
  readonly kind: 'AccessPolicy' | 'ClusterAccessPolicy'
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly spec: { readonly mode?: 'Enforce' | 'DryRun' | 'Disabled'; readonly rego: string }
}

export interface FolderSecret {
  readonly file: string
  readonly metadata: Meta
  /** Values as bytes. */
  readonly data: ReadonlyMap<string, Buffer>
}

/** The manifests of a folder, checked one by one and against each other. */
export interface FolderObjects {
  readonly databases: readonly FolderDatabase[]
  readonly grants: readonly FolderGrant[]
  readonly policies: readonly FolderPolicy[]
  readonly secrets: ReadonlyMap<string, FolderSecret>
}

/** `namespace/name`. */
export function keyOf(object: { readonly namespace?: string; readonly name: string }): string {
  return `${object.namespace ?? ''}/${object.name}`
}

/** The Database a grant is for. */
export function databaseKey(grant: FolderGrant): string {
  const { name, namespace = grant.metadata.namespace } = grant.spec.databaseRef
  return keyOf({ namespace, name })
}
