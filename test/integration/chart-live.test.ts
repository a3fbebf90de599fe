/** The chart with its webhook and controller running: upgrades under them, and `helm test`. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chartFolder } from '../rig/chart.ts'
import { startControlPlane, type ControlPlane } from '../rig/control-plane.ts'
import { hookOf } from '../rig/hook.ts'
import { buildCommands, install, type Installation } from '../rig/installation.ts'

let plane: ControlPlane
let installation: Installation

beforeAll(async () => {
  buildCommands()
  plane = await startControlPlane()
  installation = await install(plane)
})

afterAll(async () => {
  await installation.stop()
  await plane.stop()
})

const helm = (...args: readonly string[]): Promise<string> =>
  plane.helm([...args, `--namespace=${installation.namespace}`])

/** Proposes a pod that asks for the sidecar. @returns the names of its init containers. */
async function proposePod(): Promise<string> {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'asks', labels: { 'sallyport.dev/inject': 'enabled' } },
    spec: { serviceAccountName: 'default', containers: [{ name: 'app', image: 'app' }] },
  }
  const path = 'jsonpath={.spec.initContainers[*].name}'
  return plane.mustKubectl(['create', '-n', 'default', '--dry-run=server', '-f', '-', '-o', path], JSON.stringify(pod))
}

describe('an upgrade', () => {
  it('keeps the trust the controller has put in place: the next pod is injected', async () => {
    expect(await proposePod()).toBe('sallyport')
    await helm('upgrade', 'sallyport', chartFolder, '--reuse-values', '--set=webhook.timeoutSeconds=9')
    const seconds = ['get', 'mutatingwebhookconfiguration', 'sallyport', '-o', 'jsonpath={.webhooks[*].timeoutSeconds}']
    expect(await plane.mustKubectl(seconds)).toMatch(/^9( 9)+$/)
    expect(await proposePod()).toBe('sallyport')
    await helm('rollback', 'sallyport', '1')
    expect(await proposePod()).toBe('sallyport')
  })
})

describe('helm test', () => {
  it('proves that the webhook injects and refuses, and leaves nothing', async () => {
    const tested = helm('test', 'sallyport')
    const hook = await hookOf(plane, 'pod', 'sallyport-test', installation.namespace)
    const result = await hook.run()
    expect(result).toMatchObject({ code: 0, stderr: '' })
    expect(result.stdout).toMatch(/^ok: .*sidecar.*\nok: .*host-network\n$/)
    await hook.end('Succeeded')
    expect(await tested).toMatch(/TEST SUITE: +sallyport-test\n.*\n.*\nPhase: +Succeeded/)
    const selector = '--selector=app.kubernetes.io/component=hook'
    const left = await plane.mustKubectl([
      'get',
      'pods,roles,rolebindings,serviceaccounts',
      '-A',
      selector,
      '-o',
      'name',
    ])
    expect(left).toBe('')
  })

  it('fails while the webhook does not answer', async () => {
    await installation.stopWebhook()
    const tested = helm('test', 'sallyport').catch((error: unknown) => String(error))
    const hook = await hookOf(plane, 'pod', 'sallyport-test', installation.namespace)
    expect(await hook.run()).toMatchObject({ code: 1 })
    await hook.end('Failed')
    expect(await tested).toMatch(/sallyport-test/)
    await installation.startWebhook()
  })
})
