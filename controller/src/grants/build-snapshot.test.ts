import type { Subject } from '@sallyport/crds'
import { describe, expect, it } from 'vitest'
import { buildSnapshot, type ResolvedDatabase, type SnapshotSources } from './build-snapshot.ts'
import type { DatabaseObject, GrantObject, PolicyObject } from './objects.ts'

const now = Date.parse('2026-01-01T12:00:00Z')
const meta = (name: string, namespace?: string) => ({
  name,
  uid: `uid-${name}`,
  resourceVersion: '1',
  ...(namespace === undefined ? {} : { namespace }),
})
const subject: Subject = {
  namespace: 'agents',
  serviceAccount: 'report',
  pod: 'p',
  podUID: 'u',
  labels: { app: 'report' },
}

function database(name: string, namespace = 'agents', spec: Partial<DatabaseObject['spec']> = {}): ResolvedDatabase {
  return {
    object: {
      metadata: meta(name, namespace),
      spec: {
        engine: 'PostgreSQL',
        host: 'h',
        localPort: 15432,
        databases: ['orders'],
        credentials: { static: { secretRef: { name: 's' } } },
        ...spec,
      },
    },
    credentials: { username: 'u', password: 'p' },
    ca: null,
    problem: null,
    hashKey: Buffer.alloc(32, 1).toString('base64'),
  }
}

function grant(
  name: string,
  databaseRef: GrantObject['spec']['databaseRef'],
  more: Partial<GrantObject> = {},
): GrantObject {
  return {
    metadata: meta(name, 'agents'),
    spec: {
      subject: { serviceAccountName: 'report' },
      databaseRef,
      reason: 'r',
      duration: '1h',
      permissions: [{ operations: ['Select'], relations: ['public.orders'] }],
      limits: { bytesPerStatement: '10Mi', statementTimeout: '30s' },
    },
    status: { state: 'Active', activatedAt: '2026-01-01T11:30:00.000Z', expiresAt: '2026-01-01T12:30:00.000Z' },
    ...more,
  }
}

const policy = (name: string, mode: 'Enforce' | 'DryRun' | 'Disabled' = 'Enforce'): PolicyObject => ({
  kind: 'AccessPolicy',
  metadata: meta(name, 'agents'),
  spec: { rego: '', mode },
})

const sources = (some: Partial<SnapshotSources>): SnapshotSources => ({
  grants: [],
  databases: [],
  policies: [],
  moduleOf: () => ({ digest: 'sha256:a', volatile: false }),
  namespaceLabels: {},
  caBundle: null,
  ...some,
})

describe('buildSnapshot', () => {
  it('gives credentials only for a Database that an active grant opens', () => {
    const found = buildSnapshot(
      subject,
      sources({ grants: [grant('g', { name: 'b' })], databases: [database('b'), database('a')] }),
      now,
    )
    expect(found.databases.map(({ name, credentials }) => [name, credentials?.password])).toEqual([
      ['a', undefined],
      ['b', 'p'],
    ])
    expect(found.grants[0]?.limits).toEqual({ bytesPerStatement: 10_485_760, statementTimeoutMs: 30_000 })
  })

  const outside: { name: string; more: Partial<GrantObject> }[] = [
    {
      name: 'one for another ServiceAccount',
      more: { spec: { ...grant('g', { name: 'a' }).spec, subject: { serviceAccountName: 'x' } } },
    },
    {
      name: 'one whose podSelector does not match',
      more: {
        spec: {
          ...grant('g', { name: 'a' }).spec,
          subject: { serviceAccountName: 'report', podSelector: { matchLabels: { app: 'x' } } },
        },
      },
    },
    { name: 'one of another namespace', more: { metadata: meta('g', 'other') } },
    { name: 'one that is not Active in its stored status', more: { status: { state: 'Pending' } } },
    {
      name: 'one past its end',
      more: { status: { state: 'Active', activatedAt: '2026-01-01T10:00:00Z', expiresAt: '2026-01-01T11:59:59.999Z' } },
    },
    {
      name: 'one being deleted',
      more: { metadata: { ...meta('g', 'agents'), deletionTimestamp: '2026-01-01T12:00:00Z' } },
    },
  ]
  it.each(outside)('leaves out $name', ({ more }) => {
    const found = buildSnapshot(
      subject,
      sources({ grants: [grant('g', { name: 'a' }, more)], databases: [database('a')] }),
      now,
    )
    expect(found.grants).toEqual([])
    expect(found.databases[0]?.credentials).toBeNull()
  })

  it.each([
    ['Same', undefined, 0],
    ['All', undefined, 1],
    ['Selector', { matchLabels: { team: 'a' } }, 1],
    ['Selector', { matchLabels: { team: 'b' } }, 0],
  ] as const)('opens a Database of another namespace by grantableTo %s %j: %i', (from, namespaceSelector, count) => {
    const grantableTo = { from, ...(namespaceSelector ? { namespaceSelector } : {}) }
    const databases = [database('d', 'prod', { grantableTo })]
    const grants = [grant('g', { name: 'd', namespace: 'prod' })]
    const found = buildSnapshot(subject, sources({ databases, grants, namespaceLabels: { team: 'a' } }), now)
    expect(found.grants).toHaveLength(count)
    expect(found.databases).toHaveLength(count)
  })

  it('closes every Database while a policy that applies has no module, and keeps the grants', () => {
    const found = buildSnapshot(
      subject,
      sources({
        grants: [grant('g', { name: 'a' })],
        databases: [database('a')],
        policies: [policy('p')],
        moduleOf: () => null,
      }),
      now,
    )
    expect(found.databases[0]?.problem).toContain('AccessPolicy agents/p')
    expect(found.grants).toHaveLength(1)
  })

  it('leaves disabled policies out and says which ones only record', () => {
    const policies = [policy('c', 'Disabled'), policy('b', 'DryRun'), policy('a')]
    const found = buildSnapshot(subject, sources({ policies }), now)
    expect(found.policies.map(({ name, mode }) => [name, mode])).toEqual([
      ['a', 'Enforce'],
      ['b', 'DryRun'],
    ])
  })

  it('has the same revision for the same content, whatever the order and the time', () => {
    const [a, b] = [database('a'), database('b')]
    const first = buildSnapshot(subject, sources({ databases: [a, b] }), now)
    const second = buildSnapshot(subject, sources({ databases: [b, a] }), now + 1000)
    expect(second.revision).toBe(first.revision)
    expect(buildSnapshot(subject, sources({ databases: [a] }), now).revision).not.toBe(first.revision)
  })
})
