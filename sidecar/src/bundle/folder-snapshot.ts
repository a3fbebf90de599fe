import {
  digestOf,
  parseDurationMs,
  parseQuantity,
  type DatabaseBinding,
  type GrantBinding,
  type GrantLimits,
  type Snapshot,
  type Subject,
} from '@sallyport/crds'
import { databaseKey, keyOf, type FolderDatabase, type FolderGrant, type FolderObjects } from './folder-objects.ts'
import type { Activation, GrantTimes } from './grant-memory.ts'
import type { LoadedPolicy } from '../model/decision.ts'

export interface FolderSnapshotSources {
  readonly subject: Subject
  readonly objects: FolderObjects
  /** By {@link grantIdentity}; a grant without one gives no access. */
  readonly activations: ReadonlyMap<string, Activation>
  readonly policies: readonly LoadedPolicy[]
  /** Key of `Hash` masks by {@link keyOf} of the Database, base64. */
  readonly hashKeyOf: (database: string) => string
}

/** What a sidecar of this subject would get from a controller that has these objects. */
export function folderSnapshot(sources: FolderSnapshotSources, nowMs: number): Snapshot {
  const { subject, objects, policies } = sources
  const grants = grantsOf(objects, subject)
    .flatMap((grant) => bindGrant(grant, sources.activations.get(grantIdentity(grant)), nowMs))
    .sort(byName)
  const opened = new Set(grants.map((grant) => keyOf(grant.database)))
  const databases = objects.databases
    .filter(({ metadata }) => metadata.namespace === subject.namespace || opened.has(keyOf(metadata)))
    .map((database) => bindDatabase(database, sources, opened.has(keyOf(database.metadata))))
    .sort(byName)
  const content = { subject, databases, grants, policies: policies.map(({ binding }) => binding) }
  return { kind: 'Snapshot', revision: digestOf(content), unixMs: nowMs, ...content }
}

/** The grants that name the subject. There is no pod here, so `podSelector` selects. */
export function grantsOf(
  objects: FolderObjects,
  subject: Pick<Subject, 'namespace' | 'serviceAccount'>,
): readonly FolderGrant[] {
  return objects.grants.filter(
    ({ metadata, spec }) =>
      metadata.namespace === subject.namespace && spec.subject.serviceAccountName === subject.serviceAccount,
  )
}

/** The same grant with the same spec: what an activation is remembered by. */
export function grantIdentity(grant: FolderGrant): string {
  return digestOf({ key: keyOf(grant.metadata), spec: grant.spec })
}

/** When the grant is in force, and no longer than the Database allows. */
export function grantTimes(grant: FolderGrant, objects: FolderObjects): GrantTimes {
  const { notBefore, notAfter, duration } = grant.spec
  const database = objects.databases.find(({ metadata }) => keyOf(metadata) === databaseKey(grant))
  const ceilingMs = optional(database?.spec.limits?.maxGrantDuration, parseDurationMs)
  const durationMs = optional(duration, parseDurationMs)
  const longest = [durationMs, ceilingMs].filter((ms) => ms !== null)
  return {
    notBeforeMs: optional(notBefore, Date.parse),
    notAfterMs: optional(notAfter, Date.parse),
    durationMs: longest.length === 0 ? null : Math.min(...longest),
  }
}

function bindGrant(grant: FolderGrant, activation: Activation | undefined, nowMs: number): readonly GrantBinding[] {
  if (!activation || nowMs >= activation.expiresAtMs) return []
  const { metadata, spec } = grant
  const identity = grantIdentity(grant)
  const [namespace = '', name = ''] = databaseKey(grant).split('/')
  return [
    {
      namespace: metadata.namespace,
      name: metadata.name,
      uid: identity.slice('sha256:'.length, 'sha256:'.length + 32),
      revision: digestOf({ identity, activation }),
      database: { namespace, name },
      ...activation,
      reason: spec.reason,
      permissions: spec.permissions.map(({ operations, relations, columns, maxAffectedRows }) => ({
        operations,
        relations,
        ...(columns === undefined ? {} : { columns }),
        ...(maxAffectedRows === undefined ? {} : { maxAffectedRows }),
      })),
      functions: spec.functions ?? [],
      catalog: spec.catalog ?? 'Introspect',
      limits: bindLimits(spec.limits ?? {}),
    },
  ]
}

function bindLimits(limits: NonNullable<FolderGrant['spec']['limits']>): GrantLimits {
  const resolved = {
    rowsPerStatement: limits.rowsPerStatement,
    bytesPerStatement: optional(limits.bytesPerStatement, parseQuantity) ?? undefined,
    rowsTotal: limits.rowsTotal,
    statementTimeoutMs: optional(limits.statementTimeout, parseDurationMs) ?? undefined,
    idleInTransactionMs: optional(limits.idleInTransaction, parseDurationMs) ?? undefined,
    connections: limits.connections,
    affectedRowsPerTransaction: limits.affectedRowsPerTransaction,
  }
  return Object.fromEntries(Object.entries(resolved).filter(([, value]) => value !== undefined))
}

function bindDatabase(database: FolderDatabase, sources: FolderSnapshotSources, isOpen: boolean): DatabaseBinding {
  const { metadata, spec } = database
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    engine: spec.engine,
    host: spec.host,
    port: spec.port ?? (spec.engine === 'PostgreSQL' ? 5432 : 3306),
    localPort: spec.localPort,
    databases: spec.databases,
    tls: bindTls(database, sources.objects),
    credentials: isOpen ? readLogin(database, sources.objects) : null,
    sensitive: (spec.sensitive ?? []).flatMap((entry) =>
      entry.columns.map((column) => ({ column, class: entry.class ?? '', mask: entry.mask })),
    ),
    hashKey: sources.hashKeyOf(keyOf(metadata)),
    audit: { durability: 'Process', literals: 'Redacted', ...spec.audit },
  }
}

function bindTls({ metadata, spec }: FolderDatabase, objects: FolderObjects): DatabaseBinding['tls'] {
  const reference = spec.tls?.caSecretRef
  const ca = reference && readSecret(objects, metadata.namespace, reference.name, reference.key ?? 'ca.crt')
  return { mode: spec.tls?.mode ?? 'VerifyFull', ...(ca === undefined ? {} : { ca }) }
}

function readLogin({ metadata, spec }: FolderDatabase, objects: FolderObjects): DatabaseBinding['credentials'] {
  const name = spec.credentials.static?.secretRef.name ?? ''
  const [username, password] = ['username', 'password'].map((key) => readSecret(objects, metadata.namespace, name, key))
  return username === undefined || password === undefined ? null : { username, password }
}

function readSecret(objects: FolderObjects, namespace: string, name: string, key: string): string | undefined {
  return objects.secrets.get(keyOf({ namespace, name }))?.data.get(key)?.toString('utf8')
}

function optional<T>(value: T | undefined, read: (value: T) => number | null): number | null {
  return value === undefined ? null : read(value)
}

function byName(left: { readonly namespace: string; readonly name: string }, right: typeof left): number {
  return keyOf(left) < keyOf(right) ? -1 : keyOf(left) > keyOf(right) ? 1 : 0
}
