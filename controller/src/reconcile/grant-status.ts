import type { GrantState } from '../grants/grant-state.ts'
import type { GrantStatus } from '../grants/objects.ts'
import { unreachable } from '../kube/unreachable.ts'
import type { NewCondition } from '../kube/conditions.ts'

/** The conditions that say where a grant stands, as `kubectl wait` reads them. */
export function grantConditions(state: GrantState): readonly NewCondition[] {
  const { reason, message } = state
  const isActive = state.state === 'Active'
  const isExpired = state.state === 'Expired'
  const isRevoked = state.state === 'Revoked'
  return [
    approved(state),
    { type: 'Active', status: isActive ? 'True' : 'False', reason, message },
    {
      type: 'Expired',
      status: isExpired ? 'True' : 'False',
      reason: isExpired ? reason : 'NotExpired',
      message: isExpired ? message : 'the grant has not reached its end',
    },
    {
      type: 'Revoked',
      status: isRevoked ? 'True' : 'False',
      reason: isRevoked ? reason : 'NotRevoked',
      message: isRevoked ? message : 'nobody has revoked the grant',
    },
    { type: 'Ready', status: isActive ? 'True' : 'False', reason, message },
  ]
}

/** The times of a status; once written they are never computed again. */
export function grantTimes(
  state: GrantState,
): Pick<GrantStatus, 'state' | 'activatedAt' | 'expiresAt' | 'endedAt' | 'endReason'> {
  switch (state.state) {
    case 'Pending':
      return { state: 'Pending' }
    case 'Active':
      return { state: 'Active', activatedAt: toTime(state.activatedAtMs), expiresAt: toTime(state.expiresAtMs) }
    case 'Expired':
    case 'Revoked':
    case 'Denied':
      return {
        state: state.state,
        ...(state.activatedAtMs === null ? {} : { activatedAt: toTime(state.activatedAtMs) }),
        ...(state.expiresAtMs === null ? {} : { expiresAt: toTime(state.expiresAtMs) }),
        endedAt: toTime(state.endedAtMs),
        endReason: state.reason,
      }
    default:
      return unreachable(state)
  }
}

function approved(state: GrantState): NewCondition {
  if (state.state === 'Pending' && state.reason === 'ApprovalRequired') {
    return { type: 'Approved', status: 'False', reason: 'ApprovalRequired', message: state.message }
  }
  return { type: 'Approved', status: 'True', reason: 'NotRequired', message: 'no approval is required' }
}

function toTime(unixMs: number): string {
  return new Date(unixMs).toISOString()
}
