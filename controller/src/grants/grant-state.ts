import { parseDurationMs } from '@sallyport/crds'
import type { GrantObject } from './objects.ts'

/** What a grant depends on, as far as it is known. */
export interface GrantContext {
  /** Null: there is no such Database. */
  readonly database: DatabaseStanding | null
  /** `policyRefs` that name no AccessPolicy of the namespace. */
  readonly missingPolicies: readonly string[]
  /** Policies that apply and have no compiled module. */
  readonly uncompiledPolicies: readonly string[]
}

export interface DatabaseStanding {
  /** `spec.grantableTo` admits the grant's namespace. */
  readonly grantable: boolean
  /** Null: they can be read; else why not, one sentence. */
  readonly credentialsProblem: string | null
  readonly maxGrantDurationMs: number | null
  readonly requiredApprovals: number
}

export type PendingReason =
  | 'NotYetValid'
  | 'DatabaseNotFound'
  | 'DatabaseNotGrantable'
  | 'CredentialsNotAvailable'
  | 'PolicyNotFound'
  | 'PolicyNotCompiled'
  | 'DurationExceedsLimit'
  | 'InvalidTimes'
  | 'ApprovalRequired'

export type EndReason = 'Expired' | 'NeverActivated' | 'Deleted' | 'Revoked' | 'Denied'

interface Standing {
  readonly message: string
  /** When to look again, Unix milliseconds; null: only when something changes. */
  readonly nextBoundaryMs: number | null
}

export type GrantState =
  | (Standing & { readonly state: 'Pending'; readonly reason: PendingReason })
  | (Standing & {
      readonly state: 'Active'
      readonly reason: 'Activated'
      readonly activatedAtMs: number
      readonly expiresAtMs: number
    })
  | (Standing & {
      readonly state: 'Expired' | 'Revoked' | 'Denied'
      readonly reason: EndReason
      readonly endedAtMs: number
      /** Null where it never was active. */
      readonly activatedAtMs: number | null
      readonly expiresAtMs: number | null
    })

/**
 * Where a grant stands. What its status says happened, happened: an end is irreversible, and an activation is never
 * computed again, so that neither a restart nor an outage gives anybody more time.
 * @param nowMs  Unix milliseconds.
 */
export function grantState(grant: GrantObject, nowMs: number, context: GrantContext): GrantState {
  const ended = endedBefore(grant, nowMs)
  if (ended) return ended
  const activatedAtMs = parseTime(grant.status?.activatedAt)
  if (grant.metadata.deletionTimestamp !== undefined) {
    return over('Revoked', 'Deleted', 'the grant was deleted', nowMs, activatedAtMs, parseTime(grant.status?.expiresAt))
  }
  if (activatedAtMs !== null) return sinceActivated(grant, activatedAtMs, nowMs)
  const notAfterMs = parseTime(grant.spec.notAfter)
  if (notAfterMs !== null && nowMs >= notAfterMs) {
    return over(
      'Expired',
      'NeverActivated',
      'spec.notAfter passed before the grant could be activated',
      notAfterMs,
      null,
      null,
    )
  }
  return pendingOrActive(grant, nowMs, context)
}

/** When access under an activated grant ends: the earliest of what status and spec say; null where it never was activated. */
export function effectiveExpiryMs(grant: GrantObject): number | null {
  const activatedAtMs = parseTime(grant.status?.activatedAt)
  if (activatedAtMs === null) return null
  const resolved = parseTime(grant.status?.expiresAt)
  const candidates = [resolved, expiryFor(grant, activatedAtMs)].filter((time) => time !== null)
  return candidates.length === 0 ? null : Math.min(...candidates)
}

/** RFC 3339 → Unix milliseconds; null where absent or unreadable. */
export function parseTime(text: string | undefined): number | null {
  if (text === undefined) return null
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? null : ms
}

function endedBefore(grant: GrantObject, nowMs: number): GrantState | null {
  const state = grant.status?.state
  if (state !== 'Expired' && state !== 'Revoked' && state !== 'Denied') return null
  const endedAtMs = parseTime(grant.status?.endedAt) ?? nowMs
  const reason = endReasons.find((known) => known === grant.status?.endReason) ?? state
  const [activatedAtMs, expiresAtMs] = [parseTime(grant.status?.activatedAt), parseTime(grant.status?.expiresAt)]
  return over(state, reason, sentences[reason], endedAtMs, activatedAtMs, expiresAtMs)
}

function sinceActivated(grant: GrantObject, activatedAtMs: number, nowMs: number): GrantState {
  // Without a readable end there is no access: it ended when it began.
  const expiresAtMs = effectiveExpiryMs(grant) ?? activatedAtMs
  if (nowMs >= expiresAtMs) {
    return over('Expired', 'Expired', 'the grant has reached its end', expiresAtMs, activatedAtMs, expiresAtMs)
  }
  return active(activatedAtMs, expiresAtMs)
}

function pendingOrActive(grant: GrantObject, nowMs: number, context: GrantContext): GrantState {
  const notAfterMs = parseTime(grant.spec.notAfter)
  const pending = (reason: PendingReason, message: string, atMs = notAfterMs): GrantState => ({
    state: 'Pending',
    reason,
    message,
    nextBoundaryMs: atMs,
  })
  const notBeforeMs = parseTime(grant.spec.notBefore)
  if (notBeforeMs !== null && nowMs < notBeforeMs) {
    return pending('NotYetValid', `the grant begins at ${grant.spec.notBefore ?? ''}`, notBeforeMs)
  }
  const obstacle = obstacleOf(grant, context)
  if (obstacle) return pending(...obstacle)
  const expiresAtMs = expiryFor(grant, nowMs)
  if (expiresAtMs === null || expiresAtMs <= nowMs) {
    return pending('InvalidTimes', 'spec.duration or spec.notAfter must say when the grant ends')
  }
  const ceilingMs = context.database?.maxGrantDurationMs ?? null
  if (ceilingMs !== null && expiresAtMs - nowMs > ceilingMs) {
    const seconds = Math.floor(ceilingMs / 1000)
    return pending('DurationExceedsLimit', `the Database allows grants of at most ${seconds}s; ask for a shorter one`)
  }
  return active(nowMs, expiresAtMs)
}

function obstacleOf(grant: GrantObject, context: GrantContext): [PendingReason, string] | null {
  const { databaseRef } = grant.spec
  const where = databaseRef.namespace ?? grant.metadata.namespace ?? ''
  const { database } = context
  if (!database) return ['DatabaseNotFound', `there is no Database ${where}/${databaseRef.name}`]
  if (!database.grantable) {
    return [
      'DatabaseNotGrantable',
      `spec.grantableTo of Database ${where}/${databaseRef.name} leaves this namespace out`,
    ]
  }
  if (database.credentialsProblem !== null) return ['CredentialsNotAvailable', database.credentialsProblem]
  const [missing] = context.missingPolicies
  if (missing !== undefined)
    return ['PolicyNotFound', `spec.policyRefs names ${missing}, which is no AccessPolicy here`]
  const [uncompiled] = context.uncompiledPolicies
  if (uncompiled !== undefined) return ['PolicyNotCompiled', `the policy ${uncompiled} applies and is not compiled`]
  const required = Math.max(grant.spec.approval?.required ?? 0, database.requiredApprovals)
  return required > 0 ? ['ApprovalRequired', `${required} approval(s) required, 0 given`] : null
}

/** The end of an activation at `activatedAtMs`; null where the spec does not say. */
function expiryFor(grant: GrantObject, activatedAtMs: number): number | null {
  const durationMs = grant.spec.duration === undefined ? null : parseDurationMs(grant.spec.duration)
  const notAfterMs = parseTime(grant.spec.notAfter)
  if (durationMs === null) return notAfterMs
  return Math.min(activatedAtMs + durationMs, notAfterMs ?? Infinity)
}

function active(activatedAtMs: number, expiresAtMs: number): GrantState {
  const message = `access until ${new Date(expiresAtMs).toISOString()}`
  return { state: 'Active', reason: 'Activated', message, activatedAtMs, expiresAtMs, nextBoundaryMs: expiresAtMs }
}

function over(
  state: 'Expired' | 'Revoked' | 'Denied',
  reason: EndReason,
  message: string,
  endedAtMs: number,
  ...times: readonly [number | null, number | null]
): GrantState {
  const [activatedAtMs, expiresAtMs] = times
  return { state, reason, message, endedAtMs, activatedAtMs, expiresAtMs, nextBoundaryMs: null }
}

const sentences: Readonly<Record<EndReason, string>> = {
  Expired: 'the grant has reached its end',
  NeverActivated: 'spec.notAfter passed before the grant could be activated',
  Deleted: 'the grant was deleted',
  Revoked: 'the grant was revoked',
  Denied: 'the grant was denied',
}
const endReasons: readonly EndReason[] = ['Expired', 'NeverActivated', 'Deleted', 'Revoked', 'Denied']
