import { describe, expect, it } from 'vitest'
import { grantState, type GrantContext } from './grant-state.ts'
import type { GrantObject, GrantSpec, GrantStatus } from './objects.ts'

const now = Date.parse('2026-01-01T12:00:00.000Z')
const ready: GrantContext = {
  database: { grantable: true, credentialsProblem: null, maxGrantDurationMs: null, requiredApprovals: 0 },
  missingPolicies: [],
  uncompiledPolicies: [],
}
const database = ready.database ?? {
  grantable: true,
  credentialsProblem: null,
  maxGrantDurationMs: null,
  requiredApprovals: 0,
}

function grant(spec: Partial<GrantSpec>, status?: GrantStatus, deletionTimestamp?: string): GrantObject {
  return {
    metadata: {
      name: 'g',
      namespace: 'agents',
      uid: 'u',
      resourceVersion: '1',
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    },
    spec: { subject: { serviceAccountName: 's' }, databaseRef: { name: 'd' }, reason: 'r', permissions: [], ...spec },
    ...(status === undefined ? {} : { status }),
  }
}

describe('grantState before activation', () => {
  const table: {
    name: string
    spec: Partial<GrantSpec>
    context?: Partial<GrantContext>
    state: string
    reason: string
  }[] = [
    { name: 'is active at once when all is there', spec: { duration: '30m' }, state: 'Active', reason: 'Activated' },
    {
      name: 'waits for its beginning',
      spec: { duration: '30m', notBefore: '2026-01-01T12:00:00.001Z' },
      state: 'Pending',
      reason: 'NotYetValid',
    },
    {
      name: 'is active from its beginning on',
      spec: { duration: '30m', notBefore: '2026-01-01T12:00:00Z' },
      state: 'Active',
      reason: 'Activated',
    },
    {
      name: 'waits for its Database',
      spec: { duration: '1m' },
      context: { database: null },
      state: 'Pending',
      reason: 'DatabaseNotFound',
    },
    {
      name: 'waits where the Database leaves its namespace out',
      spec: { duration: '1m' },
      context: { database: { ...database, grantable: false } },
      state: 'Pending',
      reason: 'DatabaseNotGrantable',
    },
    {
      name: 'waits for the credentials',
      spec: { duration: '1m' },
      context: { database: { ...database, credentialsProblem: 'there is no Secret' } },
      state: 'Pending',
      reason: 'CredentialsNotAvailable',
    },
    {
      name: 'waits for a policy it names',
      spec: { duration: '1m' },
      context: { missingPolicies: ['p'] },
      state: 'Pending',
      reason: 'PolicyNotFound',
    },
    {
      name: 'waits for a policy that applies',
      spec: { duration: '1m' },
      context: { uncompiledPolicies: ['p'] },
      state: 'Pending',
      reason: 'PolicyNotCompiled',
    },
    {
      name: 'never exceeds what the Database allows',
      spec: { duration: '2h' },
      context: { database: { ...database, maxGrantDurationMs: 3_600_000 } },
      state: 'Pending',
      reason: 'DurationExceedsLimit',
    },
    {
      name: 'waits for the approvals the Database demands',
      spec: { duration: '1m' },
      context: { database: { ...database, requiredApprovals: 1 } },
      state: 'Pending',
      reason: 'ApprovalRequired',
    },
    {
      name: 'waits for the approvals it demands itself',
      spec: { duration: '1m', approval: { required: 2 } },
      state: 'Pending',
      reason: 'ApprovalRequired',
    },
    {
      name: 'has ended where notAfter has passed',
      spec: { notAfter: '2026-01-01T12:00:00Z' },
      state: 'Expired',
      reason: 'NeverActivated',
    },
    { name: 'waits where no end can be read', spec: { duration: 'soon' }, state: 'Pending', reason: 'InvalidTimes' },
  ]
  it.each(table)('$name', ({ spec, context, state, reason }) => {
    expect(grantState(grant(spec), now, { ...ready, ...context })).toMatchObject({ state, reason })
  })

  it('ends after its duration or at notAfter, whichever comes first', () => {
    const notAfter = '2026-01-01T12:10:00.000Z'
    expect(grantState(grant({ duration: '30m', notAfter }), now, ready)).toMatchObject({
      expiresAtMs: Date.parse(notAfter),
    })
    expect(grantState(grant({ duration: '5m', notAfter }), now, ready)).toMatchObject({ expiresAtMs: now + 300_000 })
  })
})

describe('grantState after activation', () => {
  const status: GrantStatus = {
    state: 'Active',
    activatedAt: '2026-01-01T11:50:00.000Z',
    expiresAt: '2026-01-01T12:20:00.000Z',
  }

  it('keeps its times whatever has become of what it depends on', () => {
    const state = grantState(grant({ duration: '30m' }, status), now, { ...ready, database: null })
    expect(state).toMatchObject({ state: 'Active', expiresAtMs: Date.parse('2026-01-01T12:20:00.000Z') })
  })

  it('ends at the very millisecond', () => {
    const end = Date.parse('2026-01-01T12:20:00.000Z')
    expect(grantState(grant({ duration: '30m' }, status), end - 1, ready).state).toBe('Active')
    expect(grantState(grant({ duration: '30m' }, status), end, ready)).toMatchObject({
      state: 'Expired',
      endedAtMs: end,
    })
  })

  it('gains nothing from a status that was rewritten to end later', () => {
    const later = { ...status, expiresAt: '2026-01-02T12:20:00.000Z' }
    expect(grantState(grant({ duration: '5m' }, later), now, ready).state).toBe('Expired')
  })

  it.each(['Expired', 'Revoked', 'Denied'] as const)('stays %s for ever', (state) => {
    const ended = { ...status, state, endedAt: '2026-01-01T11:55:00.000Z', endReason: state }
    const found = grantState(grant({ duration: '30m' }, ended), now, ready)
    expect(found).toMatchObject({ state, endedAtMs: Date.parse('2026-01-01T11:55:00.000Z'), nextBoundaryMs: null })
  })

  it('is revoked as soon as its deletion has begun', () => {
    expect(grantState(grant({ duration: '30m' }, status, '2026-01-01T12:00:00Z'), now, ready)).toMatchObject({
      state: 'Revoked',
      reason: 'Deleted',
    })
  })
})
