import { describe, expect, it } from 'vitest'
import { ClusterError } from '../errors.ts'
import type { FoundCondition } from '../facts/conditions.ts'
import { parseMetric } from '../facts/metrics.ts'
import { judgeAudit, type AuditFacts } from './audit.ts'
import { judgeDatabases } from './databases.ts'
import { judgeGrants, parseGrant } from './grants.ts'
import { judgePolicies } from './policies.ts'

const nowMs = Date.parse('2027-01-01T00:10:00Z')
const [old, young] = ['2027-01-01T00:00:00Z', '2027-01-01T00:09:50Z']
const condition = (status: string, reason: string): FoundCondition => ({ status, reason, message: 'a sentence' })

describe('judgeDatabases', () => {
  const database = (ready: FoundCondition | null, created = old) => ({ key: 'agents/orders', createdMs: Date.parse(created), ready }) // prettier-ignore
  it.each([
    ['ready', [database(condition('True', 'Usable'))], 'Ok'],
    ['none', [], 'Ok'],
    ['not usable', [database(condition('False', 'SecretNotUsable'))], 'Failed'],
    ['young, without a status', [database(null, young)], 'Ok'],
    ['old, without a status', [database(null)], 'Warning'],
  ])('%s', (_name, databases, result) => {
    expect(judgeDatabases(databases, nowMs).result).toBe(result)
  })
})

describe('judgePolicies', () => {
  const policy = (compiled: FoundCondition | null, ready: FoundCondition | null = null) => ({ key: 'AccessPolicy agents/x', createdMs: Date.parse(old), compiled, ready }) // prettier-ignore
  const failed = condition('False', 'CompileFailed')
  it.each([
    ['compiled', [policy(condition('True', 'Compiled'))], 'Ok'],
    ['none', [], 'Ok'],
    ['never compiled', [policy(failed, condition('False', 'NeverCompiled'))], 'Failed'],
    ['an older module in force', [policy(failed, condition('False', 'LastGoodInForce'))], 'Warning'],
    ['without a status', [policy(null)], 'Warning'],
  ])('%s', (_name, policies, result) => {
    expect(judgePolicies(policies, nowMs).result).toBe(result)
  })
})

describe('judgeGrants', () => {
  const grant = (state: string, reason: string, created = old, expiresAt?: string) =>
    parseGrant({
      metadata: { name: 'g', namespace: 'agents', creationTimestamp: created },
      status: { state, expiresAt, conditions: [{ type: 'Active', status: 'False', reason, message: 'why' }] },
    })
  it.each([
    ['in force', grant('Active', 'Activated', old, '2027-01-01T01:00:00Z'), 'Ok'],
    ['over', grant('Expired', 'Expired', old, '2027-01-01T00:01:00Z'), 'Ok'],
    ['young and Pending', grant('Pending', 'DatabaseNotFound', young), 'Ok'],
    ['to begin later', grant('Pending', 'NotYetValid'), 'Ok'],
    ['stuck', grant('Pending', 'DatabaseNotFound'), 'Warning'],
    ['never looked at', grant('', ''), 'Warning'],
    ['over, and not told so', grant('Active', 'Activated', old, '2027-01-01T00:01:00Z'), 'Warning'],
  ])('%s', (_name, fact, result) => {
    expect(judgeGrants([fact], nowMs).result).toBe(result)
  })

  it('says what it waits for', () => {
    expect(judgeGrants([grant('Pending', 'DatabaseNotFound')], nowMs)).toMatchObject({ items: ['agents/g: Pending for 10 min: DatabaseNotFound: why'] }) // prettier-ignore
  })
})

describe('judgeAudit', () => {
  const facts = (over: Partial<AuditFacts>): AuditFacts => ({ segments: 3, newestMs: nowMs - 20_000, journal: { bytes: 0, files: 0 }, ...over }) // prettier-ignore
  const right = 'kubectl auth can-i get services/sallyport-controller --subresource=proxy -n sallyport-system'
  it.each<[string, Partial<AuditFacts>, string]>([
    ['nothing waits', {}, 'Ok'],
    ['no segment yet', { segments: 0, newestMs: null }, 'Ok'],
    ['some wait for their turn', { journal: { bytes: 4000, files: 0 } }, 'Ok'],
    ['many files wait, and segments come', { journal: { bytes: 4e7, files: 100 } }, 'Ok'],
    ['files wait and no segment comes', { journal: { bytes: 4000, files: 1 }, newestMs: nowMs - 600_000 }, 'Warning'],
    ['files wait and there is none', { journal: { bytes: 4000, files: 1 }, segments: 0, newestMs: null }, 'Warning'],
    ['much waits', { journal: { bytes: 6e8, files: 1000 } }, 'Warning'],
    ['the journal is nearly full', { journal: { bytes: 1e9, files: 1000 } }, 'Failed'],
    ['the journal may not be seen', { journal: new ClusterError('missing-right', '403', { right }) }, 'Skipped'],
    ['the controller does not answer', { journal: new ClusterError('refused', '503') }, 'Warning'],
  ])('%s', (_name, over, result) => {
    expect(judgeAudit(facts(over), nowMs).result).toBe(result)
  })
})

describe('parseMetric', () => {
  const text = '# TYPE sallyport_audit_journal_bytes gauge\nsallyport_audit_journal_bytes 1.5e3\nsallyport_audit_journal_files 2\n' // prettier-ignore
  it('reads a sample by its whole name', () => {
    expect(parseMetric(text, 'sallyport_audit_journal_bytes')).toBe(1500)
    expect(parseMetric(text, 'sallyport_audit_journal')).toBeNull()
  })
})
