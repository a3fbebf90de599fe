/** The release's own life: upgraded, rolled back, switched off and uninstalled, with agents at work. */
import { beforeAll, describe, expect, it } from 'vitest'
import { until } from '../rig/process.ts'
import { Agent } from './agent.ts'
import { releaseNamespace, uninstallRelease, upgradeRelease } from './release.ts'
import { shopHost } from './shop.ts'
import type { Target } from './target.ts'
import { agentPod, giveGrant, makeNamespace, object } from './team.ts'

const namespace = 'agents-local'

export function describeUpgrade(targetOf: () => Target): void {
  describe('the release', () => {
    let target: Target
    let agent: Agent

    beforeAll(async () => {
      target = targetOf()
      agent = new Agent(target, namespace, 'deployment/report')
      await giveGrant(target, namespace, 'lasting')
    })

    /** Why the agent cannot work; empty: it can. */
    const hindrance = (): Promise<string> => agent.reason(shopHost, 'SELECT count(*) FROM orders')

    it('passes its own test', async () => {
      const { code, stdout, stderr } = await target.tryHelm(['test', 'sallyport', `--namespace=${releaseNamespace}`, '--timeout=90s']) // prettier-ignore
      expect(`${stdout}${stderr}`).not.toMatch(/FAILED|Error/)
      expect(code).toBe(0)
    })

    it('is upgraded under agents at work, and rolled back', async () => {
      await upgradeRelease(target, '--set=controller.logLevel=debug', '--set=webhook.replicas=3')
      expect(await hindrance()).toBe('')
      await target.helm(['rollback', 'sallyport', '1', `--namespace=${releaseNamespace}`, '--wait', '--timeout=180s'])
      expect(await hindrance()).toBe('')
      expect(await target.get('deployment sallyport-webhook', releaseNamespace, '{.spec.replicas}')).toBe('2')
      await admitted('after-rollback')
    })

    it('is switched off by one command, and back on by an upgrade', async () => {
      const kinds = 'mutatingwebhookconfiguration,validatingwebhookconfiguration,validatingadmissionpolicybinding'
      await target.must([
        'delete',
        kinds,
        '-l',
        'app.kubernetes.io/name=sallyport,app.kubernetes.io/instance=sallyport',
      ])
      // A policy without its binding is forgotten by the API server a moment later.
      const sidecars = (): Promise<string> => sidecarsOf('while-off').catch((error: unknown) => String(error))
      await until(async () => (await sidecars()) === '', 'a pod is created without a sidecar')
      expect(await hindrance()).toBe('')
      await upgradeRelease(target)
      await admitted('after-off')
    })

    it('leaves nothing that could stand in anybody’s way when it is uninstalled', async () => {
      const { code, stdout, stderr } = await uninstallRelease(target)
      expect(`${code} ${stderr}${stdout}`).toMatch(/^0 /)
      const kinds = 'mutatingwebhookconfigurations,validatingwebhookconfigurations,validatingadmissionpolicies,validatingadmissionpolicybindings,clusterroles,clusterrolebindings' // prettier-ignore
      expect(await left(kinds)).toBe('')
      const own =
        'deployments,services,serviceaccounts,roles,rolebindings,jobs,poddisruptionbudgets,networkpolicies,pods'
      const rest = await target.must(['get', own, '-n', releaseNamespace, '-l', 'app.kubernetes.io/instance=sallyport', '-o', 'name']) // prettier-ignore
      await until(async () => (await target.must(['get', 'pods', '-n', releaseNamespace, '-o', 'name'])).trim() === '', 'its pods are gone', { timeoutMs: 60_000 }) // prettier-ignore
      expect(rest.split('\n').filter((name) => name !== '' && !name.startsWith('pod/'))).toEqual([])
      expect(await sidecarsOf('after-uninstall')).toBe('')
      expect(await target.get('accessgrants', namespace, '{.items[*].metadata.name}')).toContain('lasting')
    })

    async function left(kinds: string): Promise<string> {
      return (await target.must(['get', kinds, '-l', 'app.kubernetes.io/instance=sallyport', '-o', 'name'])).trim()
    }

    /** Names of init containers a pod would be created with. */
    async function sidecarsOf(name: string): Promise<string> {
      const pod = object(namespace, 'Pod', name, agentPod(target))
      const json = await target.must(['create', '--dry-run=server', '-o', 'json', '-f', '-'], JSON.stringify({ ...pod, metadata: { name, namespace } })) // prettier-ignore
      const { spec } = JSON.parse(json) as {
        readonly spec: { readonly initContainers?: readonly { readonly name: string }[] }
      }
      return (spec.initContainers ?? []).map((container) => container.name).join()
    }

    async function admitted(name: string): Promise<void> {
      await until(async () => (await sidecarsOf(name).catch(() => '')) === 'sallyport', 'pods are injected')
    }
  })
}

/** A pod from before the release was there, in a namespace that is enrolled. */
export async function makeEarlyPod(target: Target): Promise<void> {
  await makeNamespace(target, 'agents-early', 'Local')
  const pod = agentPod(target)
  await target.apply(
    object('agents-early', 'Pod', 'early', { ...pod, metadata: { name: 'early', namespace: 'agents-early' } }),
  )
}
