import {
  digestOf,
  parseDurationMs,
  parseQuantity,
  type GrantBinding,
  type GrantLimits,
  type Subject,
} from '@sallyport/crds'
import { effectiveExpiryMs, parseTime } from './grant-state.ts'
import { matchesSelector } from './matches-selector.ts'
import type { GrantObject } from './objects.ts'

/**
 * The grant as a sidecar gets it; null while it gives no access. Only a status that is stored counts: an activation that
 * was computed and not yet written would be computed anew, and later, after a crash.
 * @param nowMs  Unix milliseconds.
 */
export function bindGrant(grant: GrantObject, nowMs: number): GrantBinding | null {
  const { metadata, spec, status } = grant
  const activatedAtMs = parseTime(status?.activatedAt)
  const expiresAtMs = effectiveExpiryMs(grant)
  if (status?.state !== 'Active' || metadata.deletionTimestamp !== undefined) return null
  if (activatedAtMs === null || expiresAtMs === null || nowMs >= expiresAtMs) return null
  const namespace = metadata.namespace ?? ''
  return {
    namespace,
    name: metadata.name,
    uid: metadata.uid,
    revision: digestOf({ uid: metadata.uid, spec, activatedAtMs, expiresAtMs }),
    database: { namespace: spec.databaseRef.namespace ?? namespace, name: spec.databaseRef.name },
    activatedAtMs,
    expiresAtMs,
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
  }
}

/** The grant names this pod: its namespace, its ServiceAccount and, where given, its labels. */
export function isForSubject(grant: GrantObject, subject: Subject): boolean {
  const { serviceAccountName, podSelector } = grant.spec.subject
  return (
    grant.metadata.namespace === subject.namespace &&
    serviceAccountName === subject.serviceAccount &&
    matchesSelector(podSelector, subject.labels)
  )
}

type SpecLimits = NonNullable<GrantObject['spec']['limits']>

/** A limit that cannot be read is the smallest one: it must not fall away. */
function bindLimits(limits: SpecLimits): GrantLimits {
  const { rowsPerStatement, rowsTotal, connections, affectedRowsPerTransaction } = limits
  const resolved = {
    rowsPerStatement,
    bytesPerStatement:
      limits.bytesPerStatement === undefined ? undefined : (parseQuantity(limits.bytesPerStatement) ?? 0),
    rowsTotal,
    statementTimeoutMs: durationLimit(limits.statementTimeout),
    idleInTransactionMs: durationLimit(limits.idleInTransaction),
    connections,
    affectedRowsPerTransaction,
  }
  return Object.fromEntries(Object.entries(resolved).filter(([, value]) => value !== undefined))
}

function durationLimit(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Math.max(1, parseDurationMs(text) ?? 1)
}
