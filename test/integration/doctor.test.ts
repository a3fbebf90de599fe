import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { kubeconfigFor, startControlPlane, type ControlPlane } from '../rig/control-plane.ts'
import { buildCommands, install, type Installation } from '../rig/installation.ts'
import { runAny, type RunResult } from '../rig/process.ts'

const command = join(import.meta.dirname, '../../cli/bin/sallyport')

let plane: ControlPlane
let installation: Installation

beforeAll(async () => {
  buildCommands()
  plane = await startControlPlane()
  installation = await install(plane)
  await plane.mustKubectl(['create', 'serviceaccount', 'stranger', '-n', 'default'])
})

afterAll(async () => {
  await installation.stop()
  await plane.stop()
})

const sallyport = (...args: readonly string[]): Promise<RunResult> =>
  runAny(command, [...args, '--kubeconfig', plane.kubeconfig])

/** Of somebody who may do nothing. */
async function strangersKubeconfig(): Promise<string> {
  const token = await plane.mustKubectl(['create', 'token', 'stranger', '-n', 'default'])
  const file = join(plane.dir, 'stranger.kubeconfig')
  writeFileSync(file, kubeconfigFor(plane.url, plane.caFile, token.trim()), { mode: 0o600 })
  return file
}

const configurations = 'mutatingwebhookconfiguration,validatingwebhookconfiguration'

const hookTest = () => sallyport('hook', 'test', '--name=sallyport', `--namespace=${installation.namespace}`)

describe('sallyport hook test', () => {
  it('proves that the installed webhook injects and refuses', async () => {
    const result = await hookTest()
    expect(result.stderr).toBe('')
    expect(result.stdout.split('\n')).toEqual([
      expect.stringMatching(/^ok: a labelled pod in default comes back with the sidecar .*sallyport-sidecar/),
      'ok: a labelled pod with hostNetwork is refused in default: host-network',
      '',
    ])
    expect(result.code).toBe(0)
  })

  it('fails while the webhook does not answer, and says which', async () => {
    await installation.stopWebhook()
    const result = await hookTest()
    expect(result.stderr).toMatch(/test-failed: the webhook labelled-pods.sallyport.dev does not answer/)
    expect(result.code).toBe(1)
    await installation.startWebhook()
  })

  it('cannot be run without a cluster', async () => {
    const result = await runAny(command, ['hook', 'test', '--name=sallyport', '--kubeconfig', '/nowhere'])
    expect(result).toMatchObject({ code: 2, stderr: 'sallyport: no-cluster: the kubeconfig cannot be read\n' })
  })
})

describe('sallyport hook pre-delete', () => {
  const preDelete = () => sallyport('hook', 'pre-delete', '--name=sallyport', '--instance=sallyport')

  it('removes what could refuse a pod, and nothing else, and may be repeated', async () => {
    const foreign = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'other', labels: { 'app.kubernetes.io/instance': 'sallyport' } },
    }
    await plane.mustKubectl(['create', '-f', '-'], JSON.stringify(foreign))
    const first = await preDelete()
    expect(first.stdout).toContain('removed mutatingwebhookconfigurations/sallyport\n')
    expect(first.stdout).toContain('removed validatingwebhookconfigurations/sallyport\n')
    expect(first.stdout).toMatch(/enforces nothing any more/)
    expect(first.code).toBe(0)
    expect(await plane.mustKubectl(['get', configurations, '-o', 'name'])).toBe(
      'validatingwebhookconfiguration.admissionregistration.k8s.io/other\n',
    )
    const second = await preDelete()
    expect(second).toMatchObject({ code: 0, stdout: 'nothing to remove: release sallyport has no admission object\n' })
  })

  it('removes webhooks that lost their labels', async () => {
    const stripped = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name: 'sallyport' },
    }
    await plane.mustKubectl(['create', '-f', '-'], JSON.stringify(stripped))
    expect((await preDelete()).stdout).toContain('removed mutatingwebhookconfigurations/sallyport\n')
  })

  it('names the right it needs', async () => {
    const result = await runAny(command, ['hook', 'pre-delete', '--name=sallyport', '--instance=sallyport', '--kubeconfig', await strangersKubeconfig()]) // prettier-ignore
    expect(result.stderr).toContain('needed: kubectl auth can-i list mutatingwebhookconfigurations.admissionregistration.k8s.io\n') // prettier-ignore
    expect(result.code).toBe(1)
  })
})
