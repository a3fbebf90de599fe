import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { GrantBinding } from '@sallyport/crds'
import type { DecisionInput } from '../model/decision.ts'
import { Guardrails } from './guardrails.ts'

const wasm = readFileSync(join(import.meta.dirname, '../../policy/dist/guardrails.wasm'))
const grant: GrantBinding = {
  namespace: 'agents',
  name: 'reading',
  revision: '1',
  reason: 'a test',
  uid: 'uid',
  database: { namespace: 'agents', name: 'db' },
  activatedAtMs: 0,
  expiresAtMs: 1_000,
  permissions: [{ operations: ['Select'], relations: ['public.orders'] }],
  catalog: 'Introspect',
  functions: [],
  limits: {},
}

function input(relation: string, statement: Partial<DecisionInput['statement']> = {}): DecisionInput {
  const columns = { read: [], derived: [], predicate: [], written: [] }
  return {
    grant,
    subject: { namespace: 'agents', serviceAccount: 'agent', pod: 'pod', podUID: 'uid', labels: {} },
    database: {
      namespace: 'agents',
      name: 'db',
      engine: 'PostgreSQL',
      serverVersion: '18',
      database: 'shop',
      sensitive: {},
    },
    session: { applicationName: '', transaction: 'Idle', statements: 0, rows: 0, bytes: 0 },
    now: { rfc3339: '1970-01-01T00:00:00.500Z', unixMs: 500, hour: 0, weekday: 'Thursday' },
    statement: {
      kind: 'SelectStmt',
      span: { start: 0, end: 1 },
      effects: [{ operation: 'Select', relation, columns: [], where: 'Filtered' }],
      functions: [],
      triggers: [],
      settings: [],
      columns,
      outputs: [],
      affectedRows: 'None',
      systemRelations: [],
      readsData: true,
      packsRows: false,
      tags: [],
      action: { kind: 'None' },
      problems: [],
      fingerprint: '',
      normalized: '',
      digest: '',
      ...statement,
    },
  }
}

describe('Guardrails', () => {
  it('judges statements that differ in their text only once', async () => {
    const guardrails = await Guardrails.load(wasm)
    const first = guardrails.judge(input('public.orders', { digest: 'sha256:1', span: { start: 0, end: 9 } }))
    const second = guardrails.judge(input('public.orders', { digest: 'sha256:2', span: { start: 4, end: 40 } }))
    expect(first.deny).toEqual([])
    expect(second).toBe(first)
  })

  it('judges anew what does something else, or goes to another database', async () => {
    const guardrails = await Guardrails.load(wasm)
    const [allowed, refused] = [guardrails.judge(input('public.orders')), guardrails.judge(input('public.vault'))]
    expect(allowed.deny).toEqual([])
    expect(refused.deny).toMatchObject([{ reason: 'uncovered-effect' }])
    const elsewhere = input('public.orders')
    const sensitive = { 'public.orders.note': 'Redact' } as const
    expect(guardrails.judge({ ...elsewhere, database: { ...elsewhere.database, sensitive } })).not.toBe(allowed)
  })

  it('judges anew under another grant', async () => {
    const guardrails = await Guardrails.load(wasm)
    const narrower = { ...grant, permissions: [] }
    expect(guardrails.judge(input('public.orders')).deny).toEqual([])
    expect(guardrails.judge({ ...input('public.orders'), grant: narrower }).deny).toMatchObject([
      { reason: 'uncovered-effect' },
    ])
  })
})
