/** The main journey of a team, in one mode of interception: refused, allowed and masked, ended in mid-statement, proven. */
import { beforeAll, describe, expect, it } from 'vitest'
import { until } from '../rig/process.ts'
import { Agent, reasonOf } from './agent.ts'
import { releaseNamespace } from './release.ts'
import { shopHost, shopSql } from './shop.ts'
import type { Target } from './target.ts'
import {
  agentDeployment,
  agentPod,
  endGrant,
  giveGrant,
  makeDatabase,
  makeNamespace,
  object,
  type Mode,
} from './team.ts'

export function describeJourney(targetOf: () => Target, mode: Mode): void {
  const namespace = `agents-${mode.toLowerCase()}`

  describe(`an agent in ${mode} mode`, () => {
    let target: Target
    let agent: Agent

    beforeAll(async () => {
      target = targetOf()
      await makeNamespace(target, namespace, mode)
      await makeDatabase(target, namespace)
      await target.apply(agentDeployment(target, namespace, 'report'))
      await target.must(['rollout', 'status', 'deployment/report', '-n', namespace, '--timeout=120s'])
      agent = new Agent(target, namespace, 'deployment/report')
    })

    it('has the sidecar, and nothing else of its pod is changed', async () => {
      const json = await target.must(['get', 'pod', '-n', namespace, '-l', 'agent=report', '-o', 'json'])
      const [pod] = (JSON.parse(json) as PodList).items
      const ours = mode === 'Local' ? ['sallyport'] : ['sallyport-redirect', 'sallyport-probe', 'sallyport']
      expect(pod?.spec.initContainers?.map(({ name }) => name)).toEqual(ours)
      expect(pod?.spec.containers.map(({ name, command }) => [name, command])).toEqual([
        ['agent', ['sleep', '1000000']],
      ])
    })

    it('says in its status whether the way around is closed', async () => {
      const condition = async (field: string): Promise<string> =>
        target.get(
          'pod -l agent=report',
          namespace,
          `{.items[0].status.conditions[?(@.type=="sallyport.dev/Sealed")].${field}}`,
        )
      const expected = mode === 'Local' ? 'False LoginRequired' : 'True Redirected'
      await until(async () => `${await condition('status')} ${await condition('reason')}` === expected, `Sealed is ${expected}`, { timeoutMs: 60_000 }) // prettier-ignore
    })

    it('reaches no data before a grant', async () => {
      expect(await agent.reason(shopHost, 'SELECT count(*) FROM customers')).toBe('no-active-grant')
    })

    it('reads what a grant names, masked, and nothing else', async () => {
      await giveGrant(target, namespace, 'reading')
      const [masked, denied, policy, written, alive] = await agent.query(
        shopHost,
        'SELECT id, email, ssn FROM customers ORDER BY id LIMIT 1',
        'SELECT count(*) FROM ledger',
        "SELECT id FROM customers WHERE name = 'name 7'",
        "UPDATE orders SET status = 'lost' WHERE id = 1",
        'SELECT count(*)::int AS n FROM orders',
      )
      expect(masked?.rows).toEqual([{ id: 1, email: '***.com', ssn: '***0001' }])
      expect(reasonOf(denied)).toBe('uncovered-effect')
      expect(reasonOf(policy)).toBe('policy-denied')
      expect(reasonOf(written)).toBe('uncovered-effect')
      expect(alive?.rows).toEqual([{ n: 50 }])
      expect(await shopSql(target, 'SELECT status FROM orders WHERE id = 1')).toBe('new')
    })

    it('is a Job that completes', async () => {
      const statement = JSON.stringify({ host: shopHost, sql: ['SELECT email FROM customers WHERE id = 3'] })
      const template = agentPod(target, { command: ['node', '/scripts/query.mjs', statement], restartPolicy: 'Never' })
      await target.apply(
        object(namespace, 'Job', 'nightly', { apiVersion: 'batch/v1', spec: { template, backoffLimit: 0 } }),
      )
      await target.must(['wait', '-n', namespace, '--for=condition=Complete', 'job/nightly', '--timeout=90s'])
      expect((await target.must(['logs', '-n', namespace, 'job/nightly', '-c', 'agent'])).trim()).toBe(
        '[{"rows":[{"email":"***.com"}],"rowCount":1}]',
      )
    })

    it('loses access in the middle of a statement when the grant is deleted', async () => {
      await endGrant(target, namespace, 'reading')
      await giveGrant(target, namespace, 'slow', { functions: ['pg_catalog.pg_sleep'] })
      const running = agent.query(shopHost, 'SELECT pg_sleep(120)')
      await until(async () => (await sleeping(target)) > 0, 'the statement runs')
      const startedMs = performance.now()
      await endGrant(target, namespace, 'slow')
      const [answer] = await running
      console.log(`${mode}: kubectl delete to the end of the session: ${Math.round(performance.now() - startedMs)} ms`)
      expect(answer?.error?.code).toBe('57P01')
      expect(reasonOf(answer)).toBe('grant-revoked')
      await until(async () => (await sleeping(target)) === 0, 'the server has ended the statement')
    })

    it('loses access in the middle of a statement when the grant expires', async () => {
      await giveGrant(target, namespace, 'short', { duration: '5s', functions: ['pg_catalog.pg_sleep'] })
      const [answer] = await agent.query(shopHost, 'SELECT pg_sleep(120)')
      const expiresAt = Date.parse(await target.get('accessgrant short', namespace, '{.status.expiresAt}'))
      expect(reasonOf(answer)).toBe('grant-expired')
      expect(Date.now()).toBeGreaterThanOrEqual(expiresAt)
      expect(await agent.reason(shopHost, 'SELECT 1')).toBe('no-active-grant')
    })

    it('leaves a record that anyone can verify', async () => {
      const recorded = async (): Promise<string> =>
        (await target.sallyport(['audit', 'tail', '-n', releaseNamespace, '--lines', '500'])).stdout
      const wanted = new RegExp(`subject=${namespace}/report-agent grant=${namespace}/short.* reason=grant-expired`)
      await until(async () => wanted.test(await recorded()), 'the end of the short grant is in a segment', { timeoutMs: 60_000 }) // prettier-ignore
      const verified = await target.sallyport(['audit', 'verify', '-n', releaseNamespace])
      expect(verified.stdout).toMatch(/: intact$/m)
      expect(verified.code).toBe(0)
    })
  })
}

interface PodList {
  readonly items: readonly {
    readonly spec: {
      readonly containers: readonly { readonly name: string; readonly command?: readonly string[] }[]
      readonly initContainers?: readonly { readonly name: string }[]
    }
  }[]
}

async function sleeping(target: Target): Promise<number> {
  const where = "query LIKE '%pg_sleep(120)%' AND state = 'active' AND usename = 'shop_app'"
  return Number(await shopSql(target, `SELECT count(*) FROM pg_stat_activity WHERE ${where}`))
}
