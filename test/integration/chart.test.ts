/** The chart on a real API server: what it takes, upgrades, rollbacks, hooks, and what stays after uninstalling. */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { chartFolder, parseManifests, renderObjects, renderText, type Manifest } from '../rig/chart.ts'
import { startControlPlane, type ControlPlane } from '../rig/control-plane.ts'
import { hookOf } from '../rig/hook.ts'
import { buildCommands } from '../rig/installation.ts'
import type { RunResult } from '../rig/process.ts'
import { stubCrds } from './chart-stub-crds.ts'
import { valueSets } from './chart-value-sets.ts'

const namespace = 'sallyport-system'
let plane: ControlPlane

beforeAll(async () => {
  buildCommands()
  plane = await startControlPlane()
  await plane.mustKubectl(['create', 'namespace', namespace])
})

afterAll(async () => {
  await plane.stop()
})

/** The chart before it had two Deployments, with the CRDs of today. */
function firstChart(): string {
  const folder = join(plane.dir, 'one-deployment')
  cpSync(join(import.meta.dirname, '../charts/one-deployment'), folder, { recursive: true })
  cpSync(join(chartFolder, 'templates/crds'), join(folder, 'templates/crds'), { recursive: true })
  return folder
}

const helm = (verb: string, ...args: readonly string[]): Promise<string> =>
  plane.helm([verb, 'sallyport', ...args, `--namespace=${namespace}`])

/** Resources of Kubernetes itself that can be listed; asked once, it is a hundred requests. */
let resources: string | null = null

/** `kind/name` of every object of the release in the cluster, but CRDs, whose labels do not name a release. */
async function released(): Promise<readonly string[]> {
  resources ??= (await plane.mustKubectl(['api-resources', '--verbs=list,delete', '-o', 'name']))
    .trim()
    .split('\n')
    .filter((name) => !name.startsWith('events'))
    .join(',')
  const selector = '--selector=app.kubernetes.io/instance=sallyport'
  const found = await plane.mustKubectl(['get', resources, '--all-namespaces', selector, '-o', 'json'])
  const { items } = JSON.parse(found) as { readonly items: readonly Manifest[] }
  return items.map(({ kind, metadata }) => `${kind}/${metadata.name}`).sort()
}

/** The same of a render, without hooks and CRDs. */
const expected = (objects: readonly Manifest[]): readonly string[] =>
  objects
    .filter(({ kind, metadata }) => kind !== 'CustomResourceDefinition' && !metadata.annotations?.['helm.sh/hook'])
    .map(({ kind, metadata }) => `${kind}/${metadata.name}`)
    .sort()

interface Webhook {
  readonly name: string
  readonly timeoutSeconds: number
  readonly clientConfig: { readonly caBundle?: string; readonly service: { readonly name: string } }
}

const configurations = ['mutatingwebhookconfiguration', 'validatingwebhookconfiguration'] as const

async function webhooks(): Promise<readonly Webhook[]> {
  const both = await Promise.all(
    configurations.map((kind) => plane.mustKubectl(['get', kind, 'sallyport', '-o', 'json'])),
  )
  return both.flatMap((text) => (JSON.parse(text) as { readonly webhooks: readonly Webhook[] }).webhooks)
}

/** As the controller does it: by name, with its own field manager. */
async function trust(authority: string): Promise<void> {
  const value = Buffer.from(authority).toString('base64')
  for (const kind of configurations) {
    const text = await plane.mustKubectl(['get', kind, 'sallyport', '-o', 'json'])
    const patch = (JSON.parse(text) as { readonly webhooks: readonly Webhook[] }).webhooks.map((_webhook, index) => ({
      op: 'add',
      path: `/webhooks/${index}/clientConfig/caBundle`,
      value,
    }))
    await plane.mustKubectl(['patch', kind, 'sallyport', '--type=json', '--field-manager=sallyport-controller', '-p', JSON.stringify(patch)]) // prettier-ignore
  }
}

/** @param except  a webhook that has not had its authority yet. */
const trusted = async (except?: string): Promise<readonly string[]> =>
  (await webhooks())
    .filter(({ name }) => name !== except)
    .map(({ clientConfig: { caBundle = '' } }) => Buffer.from(caBundle, 'base64').toString())

async function uninstall(): Promise<void> {
  await helm('uninstall', '--no-hooks', '--ignore-not-found')
  await plane.mustKubectl(['delete', 'persistentvolumeclaims', '--all', '-n', namespace, '--wait=false'])
  await plane.mustKubectl(['patch', 'persistentvolumeclaims', 'sallyport-controller', '-n', namespace, '--type=merge', '-p', '{"metadata":{"finalizers":null}}']).catch(() => '') // prettier-ignore
}

describe('manifests', () => {
  beforeAll(async () => {
    // The kinds of cert-manager and of the Prometheus operator, without their rules.
    await plane.mustKubectl(['create', '-f', '-'], JSON.stringify(stubCrds))
    await plane.mustKubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s'])
    await plane.mustKubectl(['create', 'namespace', 'strict'])
    await plane.mustKubectl(['label', 'namespace', 'strict', 'pod-security.kubernetes.io/enforce=restricted'])
  })

  it.each(Object.entries(valueSets))('are taken by the API server with %s', async (_name, args) => {
    const text = await renderText(args)
    const result = await plane.kubectl(['apply', '--dry-run=server', '-f', '-'], text)
    expect(result.stderr).toBe('')
    expect(result.stdout.trim().split('\n')).toHaveLength(parseManifests(text).length)
  })

  const pods = async (args: readonly string[]): Promise<readonly Manifest[]> =>
    (await renderObjects(args)).flatMap((object) => {
      if (object.kind === 'Pod') return [{ ...object, metadata: { name: object.metadata.name } }]
      if (object.kind !== 'Deployment' && object.kind !== 'Job') return []
      const { template } = object.spec as { readonly template: { readonly spec: unknown } }
      return [{ apiVersion: 'v1', kind: 'Pod', metadata: { name: object.metadata.name }, spec: template.spec }]
    })

  const propose = (pod: Manifest): Promise<RunResult> =>
    plane.kubectl(['create', '--dry-run=server', '-n', 'strict', '-f', '-'], JSON.stringify(pod))

  const restricted = Object.entries(valueSets).filter(([name]) => name !== 'a webhook on the node')

  it.each(restricted)('pass PodSecurity restricted with %s, hooks included', async (_name, args) => {
    const proposed = await pods(args)
    expect(proposed.map(({ metadata }) => metadata.name).sort()).toEqual([
      'sallyport-controller',
      'sallyport-pre-delete',
      'sallyport-test',
      'sallyport-webhook',
    ])
    for (const pod of proposed) expect(await propose(pod)).toMatchObject({ code: 0, stderr: '' })
  })

  it('do not pass it on the network of a node, as values.yaml says', async () => {
    const webhook = (await pods(valueSets['a webhook on the node'])).find(({ metadata }) => metadata.name === 'sallyport-webhook')! // prettier-ignore
    expect((await propose(webhook)).stderr).toContain('violates PodSecurity "restricted:latest": host namespaces')
  })
})

// Helm 3 applies on the client, Helm 4 on the server.
describe.each(['true', 'false'])('with --server-side=%s', (serverSide) => {
  const side = `--server-side=${serverSide}`

  beforeEach(uninstall)

  it('an upgrade from the first form of the chart, and back, leaves trust where it is and nothing behind', async () => {
    const first = firstChart()
    await helm('install', first, side)
    const before = await released()
    await trust('our authority')
    await helm('upgrade', chartFolder, side, '--set=webhook.timeoutSeconds=7')
    const upgraded = await webhooks()
    expect(new Set(upgraded.map(({ timeoutSeconds }) => timeoutSeconds))).toEqual(new Set([7]))
    expect(new Set(upgraded.map(({ clientConfig }) => clientConfig.service.name))).toEqual(new Set(['sallyport-webhook'])) // prettier-ignore
    expect(new Set(await trusted())).toEqual(new Set(['our authority']))
    expect(await released()).toEqual(expected(await renderObjects()))

    await helm('rollback', '1')
    expect(new Set((await webhooks()).map(({ clientConfig }) => clientConfig.service.name))).toEqual(new Set(['sallyport-controller'])) // prettier-ignore
    // Only the first form has it: it comes back as it was installed.
    expect(new Set(await trusted('ephemeralcontainers.sallyport.dev'))).toEqual(new Set(['our authority']))
    expect(await released()).toEqual(before)

    await helm('upgrade', chartFolder, side)
    expect(new Set(await trusted())).toEqual(new Set(['our authority']))
    expect(await released()).toEqual(expected(await renderObjects()))
  })

  it('a webhook that a release does not have any more is gone, trusted or not', async () => {
    await helm('install', chartFolder, side)
    await trust('our authority')
    const fewer = join(plane.dir, 'fewer')
    rmSync(fewer, { recursive: true, force: true })
    cpSync(chartFolder, fewer, { recursive: true })
    edit(join(fewer, 'templates/admission-webhooks.yaml'), /"databases" "validate-databases"/, '')
    await helm('upgrade', fewer, side)
    const names = (await webhooks()).map(({ name }) => name)
    expect(names).not.toContain('databases.sallyport.dev')
    expect(names).toContain('accesspolicies.sallyport.dev')
    expect(new Set(await trusted())).toEqual(new Set(['our authority']))
  })
})

describe('a release', () => {
  beforeEach(uninstall)

  it('whose values change becomes what they say, and a rollback takes that back', async () => {
    await helm('install', chartFolder)
    await trust('our authority')
    const changed = ['--set=persistence.enabled=true,networkPolicy.enabled=true,webhook.replicas=3']
    await helm('upgrade', chartFolder, ...changed)
    expect(await released()).toEqual(expected(await renderObjects(changed)))
    const replicas = (): Promise<string> =>
      plane.mustKubectl(['get', 'deployment', 'sallyport-webhook', '-n', namespace, '-o', 'jsonpath={.spec.replicas}'])
    expect(await replicas()).toBe('3')
    await helm('rollback', '1')
    expect(await replicas()).toBe('2')
    expect(new Set(await trusted())).toEqual(new Set(['our authority']))
    // The volume is never taken away by itself: acknowledged records are on it.
    expect(await released()).toEqual([...expected(await renderObjects()), 'PersistentVolumeClaim/sallyport-controller'].sort()) // prettier-ignore
  })

  it('changes its CRDs, both ways', async () => {
    await helm('install', chartFolder)
    const next = join(plane.dir, 'next')
    rmSync(next, { recursive: true, force: true })
    cpSync(chartFolder, next, { recursive: true })
    edit(join(next, 'templates/crds/sallyport.dev_databases.yaml'), /shortNames:\n/, 'shortNames:\n      - later\n')
    const shortNames = (): Promise<string> =>
      plane.mustKubectl(['get', 'crd', 'databases.sallyport.dev', '-o', 'jsonpath={.spec.names.shortNames}'])
    const before = await shortNames()
    await helm('upgrade', next)
    expect(await shortNames()).toContain('later')
    await helm('rollback', '1')
    expect(await shortNames()).toBe(before)
  })

  it('that was switched off is on again after an upgrade', async () => {
    await helm('install', chartFolder)
    const before = await admissionObjects()
    await off()
    expect(await admissionObjects()).toBe('')
    await helm('upgrade', chartFolder)
    expect(await admissionObjects()).toBe(before)
  })
})

/** Runs the one command of the notes that takes enforcement away. */
async function off(): Promise<void> {
  const notes = await plane.helm(['get', 'notes', 'sallyport', `--namespace=${namespace}`])
  const [, command = ''] = /^ *kubectl (delete .*)$/m.exec(notes) ?? []
  await plane.mustKubectl(command.split(' '))
}

const admissionObjects = async (): Promise<string> =>
  plane.mustKubectl(['get', 'mutatingwebhookconfigurations,validatingwebhookconfigurations,validatingadmissionpolicies,validatingadmissionpolicybindings', '-o', 'name']) // prettier-ignore

function edit(file: string, pattern: RegExp, replacement: string): void {
  const text = readFileSync(file, 'utf8')
  expect(text).toMatch(pattern)
  writeFileSync(file, text.replace(pattern, replacement))
}

describe('accounts', () => {
  beforeAll(async () => {
    await uninstall()
    await helm('install', chartFolder, '--set=rbac.databaseNamespaces={default}')
    await plane.mustKubectl(['create', 'namespace', 'agents'])
  })

  const can = async (account: string, what: readonly string[]): Promise<string> => {
    const as = `--as=system:serviceaccount:${namespace}:sallyport-${account}`
    return (await plane.kubectl(['auth', 'can-i', ...what, as])).stdout.trim()
  }

  it.each<[string, 'yes' | 'no', string]>([
    ['controller', 'yes', 'get secrets -n default'],
    ['controller', 'no', 'get secrets -n agents'],
    ['controller', 'no', 'list secrets -n default'],
    ['controller', 'yes', `get secrets/sallyport-keys -n ${namespace}`],
    ['controller', 'no', `update secrets/sallyport-keys -n ${namespace}`],
    ['controller', 'yes', `update secrets/sallyport-tls -n ${namespace}`],
    ['controller', 'no', `get secrets/other -n ${namespace}`],
    ['controller', 'yes', 'patch pods --subresource=status -n agents'],
    ['controller', 'no', 'patch pods -n agents'],
    ['controller', 'no', 'patch mutatingwebhookconfigurations/other'],
    ['controller', 'no', 'delete mutatingwebhookconfigurations/sallyport'],
    ['controller', 'no', `delete auditsegments.sallyport.dev -n ${namespace}`],
    ['controller', 'no', `get configmaps/sallyport-injection -n ${namespace}`],
    ['webhook', 'yes', `get secrets/sallyport-tls -n ${namespace}`],
    ['webhook', 'no', `get secrets/other -n ${namespace}`],
    ['webhook', 'no', `update secrets/sallyport-tls -n ${namespace}`],
    ['webhook', 'no', `create secrets -n ${namespace}`],
    ['webhook', 'no', 'get secrets -n default'],
    ['webhook', 'yes', `update configmaps/sallyport-injection -n ${namespace}`],
    ['webhook', 'no', `update configmaps/other -n ${namespace}`],
    ['webhook', 'no', 'create configmaps -n agents'],
    ['webhook', 'no', 'list pods -n agents'],
    ['webhook', 'no', 'list accessgrants.sallyport.dev -n agents'],
    ['webhook', 'no', `create auditsegments.sallyport.dev -n ${namespace}`],
    ['webhook', 'no', 'create tokenreviews.authentication.k8s.io'],
    ['webhook', 'no', 'patch mutatingwebhookconfigurations/sallyport'],
    // Hooks have their rights only while they run.
    ['pre-delete', 'no', 'delete mutatingwebhookconfigurations/sallyport'],
    ['test', 'no', 'create pods -n default'],
  ])('%s: %s, %s', async (account, answer, what) => {
    expect(await can(account, what.split(' '))).toBe(answer)
  })
})

describe('uninstalling', () => {
  beforeEach(async () => {
    await uninstall()
    await helm('install', chartFolder, '--set=persistence.enabled=true')
    expect(await admissionObjects()).toContain('sallyport')
  })

  it('takes enforcement away first, by the hook, and the hook with all its rights last', async () => {
    const done = helm('uninstall')
    const hook = await hookOf(plane, 'job', 'sallyport-pre-delete', namespace)
    expect(await hook.run()).toMatchObject({ code: 0, stderr: '' })
    expect(await admissionObjects()).toBe('')
    expect(await released()).toContain('Deployment/sallyport-webhook')
    await hook.end('Succeeded')
    await done
    expect(await released()).toEqual(['PersistentVolumeClaim/sallyport-controller'])
    expect(await plane.mustKubectl(['get', 'crds', '-o', 'name'])).toContain('accessgrants.sallyport.dev')
  })

  it('where the hook cannot run, stops before anything is gone; the command of the notes is the way on', async () => {
    await expect(helm('uninstall', '--timeout=2s')).rejects.toThrow(/pre-delete/)
    expect(await released()).toEqual(expect.arrayContaining(['Deployment/sallyport-webhook', 'MutatingWebhookConfiguration/sallyport'])) // prettier-ignore
    await off()
    expect(await admissionObjects()).toBe('')
    await helm('uninstall', '--no-hooks')
    expect(await released()).toEqual(['Job/sallyport-pre-delete', 'PersistentVolumeClaim/sallyport-controller'])
    await plane.mustKubectl(['delete', 'job', 'sallyport-pre-delete', '-n', namespace, '--cascade=background'])
  })

  it('leaves what a new release takes up again: CRDs with their objects, and the volume', async () => {
    const database = { apiVersion: 'sallyport.dev/v1alpha1', kind: 'Database', metadata: { name: 'kept' }, spec: { engine: 'PostgreSQL', host: 'a.b', localPort: 15_432, databases: ['c'], credentials: { static: { secretRef: { name: 'd' } } } } } // prettier-ignore
    await plane.mustKubectl(['delete', ...configurations.flatMap((kind) => [`${kind}s/sallyport`])])
    await plane.mustKubectl(['apply', '-n', 'default', '-f', '-'], JSON.stringify(database))
    const life = (what: readonly string[]): Promise<string> =>
      plane.mustKubectl(['get', ...what, '-o', 'jsonpath={.metadata.uid} {.metadata.deletionTimestamp}'])
    const kept = [['pvc', 'sallyport-controller', '-n', namespace], ['database', 'kept', '-n', 'default']] as const // prettier-ignore
    const before = await Promise.all(kept.map(life))
    await helm('uninstall', '--no-hooks')
    await helm('install', chartFolder, '--set=persistence.enabled=true')
    expect(await Promise.all(kept.map(life))).toEqual(before)
  })
})
