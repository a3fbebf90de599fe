/** The sidecar's life in a pod: who ends when, and what of it anybody notices. */
import { beforeAll, describe, expect, it } from 'vitest'
import { until } from '../rig/process.ts'
import { Agent } from './agent.ts'
import { killSidecar } from './node.ts'
import { shopHost, shopSql } from './shop.ts'
import type { Target } from './target.ts'
import { agentDeployment, agentPod, endGrant, giveGrant, object } from './team.ts'

const namespace = 'agents-local'
const writing = [{ operations: ['Select', 'Insert'], relations: ['public.ledger'] }]

export function describeLifecycle(targetOf: () => Target): void {
  describe('the life of a sidecar', () => {
    let target: Target

    beforeAll(async () => {
      target = targetOf()
      await giveGrant(target, namespace, 'writing', { permissions: writing })
    })

    it('serves an application that still needs the database while it is told to end', async () => {
      const command = ['node', '/scripts/on-term.mjs', JSON.stringify({ host: shopHost, statement: 'INSERT INTO ledger (id) VALUES (-1)' })] // prettier-ignore
      const pod = agentPod(target, { command, graceSeconds: 20, restartPolicy: 'Never' })
      await target.apply(
        object(namespace, 'Pod', 'last-words', {
          ...pod,
          metadata: { name: 'last-words', namespace, labels: { app: 'report' } },
        }),
      )
      await target.must(['wait', '-n', namespace, '--for=condition=Ready', 'pod/last-words', '--timeout=60s'])
      await until(async () => (await target.must(['logs', '-n', namespace, 'last-words', '-c', 'agent'])).includes('waiting'), 'the application waits') // prettier-ignore
      const startedMs = performance.now()
      await target.must(['delete', 'pod', 'last-words', '-n', namespace, '--timeout=60s'])
      console.log(
        `a pod with a grace of 20 s was gone ${Math.round(performance.now() - startedMs)} ms after its deletion`,
      )
      expect(await shopSql(target, 'SELECT count(*) FROM ledger WHERE id = -1')).toBe('1')
    })

    it('crashes, and closes connections and nothing else', async (context) => {
      if (!target.isOwn) context.skip('processes of the node cannot be killed from here')
      const agent = new Agent(target, namespace, 'deployment/report')
      const restarts = async (of: string): Promise<string> =>
        target.get('pod -l agent=report', namespace, `{.items[0].status.${of}[*].restartCount}`)
      const [before, appBefore] = [Number(await restarts('initContainerStatuses')), await restarts('containerStatuses')]
      const running = agent.query(shopHost, 'SELECT count(*)::int AS n FROM ledger', ...Array.from({ length: 2000 }, () => 'SELECT id FROM ledger LIMIT 1')) // prettier-ignore
      const uid = await target.get('pod -l agent=report', namespace, '{.items[0].metadata.uid}')
      await until(async () => (await shopSql(target, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'shop_app'")) !== '0', 'a session') // prettier-ignore
      killSidecar(uid)
      expect((await running).some(({ error }) => error !== undefined)).toBe(true)
      await until(async () => Number(await restarts('initContainerStatuses')) === before + 1, 'the kubelet starts it again', { timeoutMs: 60_000 }) // prettier-ignore
      await until(async () => (await agent.reason(shopHost, 'SELECT count(*) FROM ledger')) === '', 'it serves again', { timeoutMs: 60_000 }) // prettier-ignore
      expect(await restarts('containerStatuses')).toBe(appBefore)
    })

    it('is told of by name where it is missing', async () => {
      const [name, event] = ['early', 'NotInjected']
      await until(async () => (await target.get(`events --field-selector=involvedObject.name=${name}`, 'agents-early', '{.items[*].reason}')).includes(event), 'an Event on the pod', { timeoutMs: 60_000 }) // prettier-ignore
      const { code, stdout } = await target.sallyport(['doctor', '-n', 'sallyport-system'])
      console.log(stdout)
      expect(stdout).toContain('agents-early/early')
      expect(code).toBe(0)
    })

    it('comes to a Deployment that is scaled and rolled', async () => {
      await target.apply(agentDeployment(target, namespace, 'many'))
      await target.must(['scale', 'deployment/many', '-n', namespace, '--replicas=4'])
      await target.must(['rollout', 'status', 'deployment/many', '-n', namespace, '--timeout=120s'])
      await target.must(['rollout', 'restart', 'deployment/many', '-n', namespace])
      await target.must(['rollout', 'status', 'deployment/many', '-n', namespace, '--timeout=180s'])
      const names = await target.get('pod -l agent=many --field-selector=status.phase=Running', namespace, '{.items[*].spec.initContainers[0].name}') // prettier-ignore
      expect(new Set(names.split(' '))).toEqual(new Set(['sallyport']))
      await target.must(['delete', 'deployment', 'many', '-n', namespace])
      await endGrant(target, namespace, 'writing')
    })
  })
}
