import {
  digestOf,
  type DatabaseBinding,
  type GrantBinding,
  type PolicyBinding,
  type Snapshot,
  type Subject,
} from '@sallyport/crds'
import { applicablePolicies, policyName } from './applicable-policies.ts'
import { bindGrant, isForSubject } from './bind-grant.ts'
import { isGrantableTo } from './grantable-to.ts'
import type { DatabaseObject, GrantObject, PolicyObject } from './objects.ts'

/** A Database with what was read for it. */
export interface ResolvedDatabase {
  readonly object: DatabaseObject
  readonly credentials: { readonly username: string; readonly password: string } | null
  /** PEM. */
  readonly ca: string | null
  /** Why it cannot be used; null: it can. */
  readonly problem: string | null
  /** Base64 of 32 bytes. */
  readonly hashKey: string
}

/** What of a policy is in force. */
export interface CompiledModule {
  readonly digest: string
  readonly volatile: boolean
}

/** Everything a snapshot is made from; lists may hold more than concerns the subject. */
export interface SnapshotSources {
  readonly grants: readonly GrantObject[]
  readonly databases: readonly ResolvedDatabase[]
  readonly policies: readonly PolicyObject[]
  /** Null: the policy was never compiled. */
  readonly moduleOf: (policy: PolicyObject) => CompiledModule | null
  /** Undefined: the namespace is not known. */
  readonly namespaceLabels: Readonly<Record<string, string>> | undefined
  /** PEM. */
  readonly caBundle: string | null
}

/**
 * What one pod gets: the active grants that name it, the Databases of its namespace and of those grants, the policies
 * that judge it. Credentials only for a Database that an active grant opens.
 * @param nowMs  Unix milliseconds.
 */
export function buildSnapshot(subject: Subject, sources: SnapshotSources, nowMs: number): Snapshot {
  const reachable = new Map<string, ResolvedDatabase>()
  for (const database of sources.databases) {
    if (isGrantableTo(database.object, subject.namespace, sources.namespaceLabels)) {
      reachable.set(nameOf(database.object.metadata), database)
    }
  }
  const grants = sources.grants
    .filter((grant) => isForSubject(grant, subject))
    .map((grant) => bindGrant(grant, nowMs))
    .filter((grant) => grant !== null)
    .filter((grant) => reachable.has(nameOf(grant.database)))
    .sort(byName)
  const policies = applicablePolicies(sources.policies, subject.namespace, sources.namespaceLabels)
  const missing = policies.find((policy) => isEnforced(policy) && sources.moduleOf(policy) === null)
  const problem = missing
    ? `${policyName(missing)} applies and could not be compiled; nothing is allowed meanwhile`
    : null
  const databases = bindDatabases(subject, grants, reachable, problem)
  const bindings = policies.map((policy) => bindPolicy(policy, sources.moduleOf(policy))).filter((one) => one !== null)
  const content = {
    ...(sources.caBundle === null ? {} : { caBundle: sources.caBundle }),
    subject,
    databases,
    grants,
    policies: bindings.sort(byName),
  }
  return { kind: 'Snapshot', revision: digestOf(content), unixMs: nowMs, ...content }
}

function bindDatabases(
  subject: Subject,
  grants: readonly GrantBinding[],
  reachable: ReadonlyMap<string, ResolvedDatabase>,
  problem: string | null,
): readonly DatabaseBinding[] {
  const opened = new Set(grants.map((grant) => nameOf(grant.database)))
  const bindings: DatabaseBinding[] = []
  for (const [name, database] of reachable) {
    const isOpen = opened.has(name)
    if (!isOpen && database.object.metadata.namespace !== subject.namespace) continue
    const binding = bindDatabase(database, isOpen, problem)
    if (binding) bindings.push(binding)
  }
  return bindings.sort(byName)
}

function bindDatabase(database: ResolvedDatabase, isOpen: boolean, problem: string | null): DatabaseBinding | null {
  const { metadata, spec } = database.object
  const [first, ...others] = spec.databases
  if (first === undefined) return null
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    engine: spec.engine,
    host: spec.host,
    port: spec.port ?? (spec.engine === 'PostgreSQL' ? 5432 : 3306),
    localPort: spec.localPort,
    databases: [first, ...others],
    tls: { mode: spec.tls?.mode ?? 'VerifyFull', ...(database.ca === null ? {} : { ca: database.ca }) },
    ...(isOpen ? opened(database, problem) : closed(problem)),
    sensitive: (spec.sensitive ?? []).flatMap((entry) =>
      entry.columns.map((column) => ({ column, class: entry.class ?? '', mask: entry.mask })),
    ),
    audit: { durability: spec.audit?.durability ?? 'Process', literals: spec.audit?.literals ?? 'Redacted' },
  }
}

type Opening = Pick<DatabaseBinding, 'credentials' | 'problem' | 'hashKey'>

function opened(database: ResolvedDatabase, problem: string | null): Opening {
  const trouble = problem ?? database.problem
  const { credentials, hashKey } = database
  return { credentials, hashKey, ...(trouble === null ? {} : { problem: trouble }) }
}

function closed(problem: string | null): Opening {
  return { credentials: null, hashKey: noKey, ...(problem === null ? {} : { problem }) }
}

/** Nothing is masked where no grant opens the Database. */
const noKey = Buffer.alloc(32).toString('base64')

function bindPolicy(policy: PolicyObject, module: CompiledModule | null): PolicyBinding | null {
  if (!module) return null
  const { namespace, name } = policy.metadata
  return {
    kind: policy.kind,
    ...(namespace === undefined ? {} : { namespace }),
    name,
    mode: isEnforced(policy) ? 'Enforce' : 'DryRun',
    digest: module.digest,
    volatile: module.volatile,
  }
}

function isEnforced(policy: PolicyObject): boolean {
  return policy.spec.mode !== 'DryRun'
}

function nameOf(object: { readonly namespace?: string; readonly name: string }): string {
  return `${object.namespace ?? ''}/${object.name}`
}

function byName(a: { readonly namespace?: string; readonly name: string }, b: typeof a): number {
  const [left, right] = [nameOf(a), nameOf(b)]
  return left < right ? -1 : left > right ? 1 : 0
}
