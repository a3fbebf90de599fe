import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { validateManifest } from '@sallyport/crds'
import { parse } from 'yaml'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startControlPlane, type ControlPlane } from '../rig/control-plane.ts'
import { buildCommands, install, type Installation } from '../rig/installation.ts'
import { until } from '../rig/process.ts'

const manifests = join(import.meta.dirname, '../manifests')
const files = (kind: 'good' | 'bad'): readonly string[] => readdirSync(join(manifests, kind))
const read = (kind: 'good' | 'bad', name: string): string => readFileSync(join(manifests, kind, name), 'utf8')

let plane: ControlPlane
let installation: Installation

beforeAll(async () => {
  buildCommands()
  plane = await startControlPlane()
  installation = await install(plane)
  await plane.mustKubectl(['create', 'namespace', 'agents'])
  await plane.mustKubectl(['label', 'namespace', 'agents', 'sallyport.dev/inject=enabled'])
  await plane.mustKubectl(['create', 'serviceaccount', 'report-agent', '-n', 'agents'])
})

afterAll(async () => {
  await installation.stop()
  await plane.stop()
})

const apply = (text: string, ...more: string[]) => plane.kubectl(['apply', '-n', 'agents', '-f', '-', ...more], text)
const mustApply = (object: object) => plane.mustKubectl(['apply', '-n', 'agents', '-f', '-'], JSON.stringify(object))
const get = async (what: string, path: string): Promise<string> =>
  (await plane.mustKubectl(['get', ...what.split(' '), '-n', 'agents', '-o', `jsonpath=${path}`])).trim()

describe('the API server', () => {
  it.each(files('good'))('takes %s, and so does the check without it', async (name) => {
    const text = read('good', name)
    expect(validateManifest(parse(text))).toEqual([])
    const result = await apply(text, '--dry-run=server')
    expect(result.stderr.replace(/^Warning: .*$/gm, '').trim()).toBe('')
    expect(result.code).toBe(0)
  })

  it.each(files('bad'))('refuses %s by name, and so does the check without it', async (name) => {
    const text = read('bad', name)
    const [, expected = 'no expectation'] = /^# expect: (.+)$/m.exec(text) ?? []
    const problems = validateManifest(parse(text)).map(({ path, message }) => `${path}: ${message}`)
    expect(problems.join('\n')).toContain(expected)
    const result = await apply(text, '--dry-run=server')
    expect(result.code).not.toBe(0)
    // kubectl calls an unknown field by its name.
    expect(result.stderr.replaceAll('"', '')).toContain(expected)
  })
})

const database = (name: string, spec: object = {}): object => ({
  apiVersion: 'sallyport.dev/v1alpha1',
  kind: 'Database',
  metadata: { name },
  spec: {
    engine: 'PostgreSQL',
    host: `${name}.prod.svc`,
    localPort: 15_432,
    databases: ['shop'],
    credentials: { static: { secretRef: { name: 'login' } } },
    ...spec,
  },
})

const grant = (name: string, spec: object = {}): object => ({
  apiVersion: 'sallyport.dev/v1alpha1',
  kind: 'AccessGrant',
  metadata: { name, annotations: { 'sallyport.dev/requested-by': 'somebody-else' } },
  spec: {
    subject: { serviceAccountName: 'report-agent' },
    databaseRef: { name: 'orders' },
    reason: 'a test',
    duration: '1h',
    permissions: [{ operations: ['Select'], relations: ['public.orders'] }],
    ...spec,
  },
})

const pod = (name: string, spec: object = {}, metadata: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, ...metadata },
  spec: { serviceAccountName: 'report-agent', containers: [{ name: 'app', image: 'app' }], ...spec },
})

describe('the webhook on Databases', () => {
  it('takes one and refuses a second with its port, a column with two masks and the address of sidecars', async () => {
    await mustApply(database('orders', { limits: { maxGrantDuration: '8h' }, sensitive: [{ columns: ['public.orders.card'], mask: 'Deny' }] })) // prettier-ignore
    await until(async () => (await get('database orders', '{.status.conditions}')) !== '', 'the controller has seen it')
    const sensitive = [{ columns: ['public.a.b'], mask: 'Redact' }, { columns: ['public.a.b'], mask: 'Hash' }] // prettier-ignore
    const bad = database('second', { host: '127.20.0.7', sensitive })
    const { stderr } = await apply(JSON.stringify(bad))
    expect(stderr).toContain('spec.localPort: 15432 is the localPort of Database agents/orders; choose another')
    expect(stderr).toContain('spec.host: 127.20.0.0/16 is where sidecars listen')
    expect(stderr).toContain('spec.sensitive[1].columns[0]: public.a.b is in spec.sensitive[0].columns[0] already')
  })
})

describe('the webhooks on AccessGrants', () => {
  it('stamp who asked for it, whatever the manifest says, and keep it', async () => {
    await mustApply(grant('stamped'))
    const path = '{.metadata.annotations.sallyport\\.dev/requested-by}'
    expect(await get('accessgrant stamped', path)).toBe('admin')
    await plane.mustKubectl(['annotate', 'accessgrant', 'stamped', '-n', 'agents', '--overwrite', 'sallyport.dev/requested-by=me']) // prettier-ignore
    expect(await get('accessgrant stamped', path)).toBe('admin')
  })

  it.each<[string, object, string]>([
    ['longer than its Database allows', { duration: '9h' }, 'spec.duration: is longer than the Database allows; at most 8h'], // prettier-ignore
    ['that is over', { notAfter: '2020-01-01T00:00:00Z' }, 'spec.notAfter: is over'],
    ['for a column that may appear nowhere', { permissions: [{ operations: ['Select'], relations: ['public.orders'], columns: ['card'] }] }, 'spec.permissions[0].columns[0]: public.orders.card may appear nowhere'], // prettier-ignore
  ])('refuse one %s', async (_name, spec, message) => {
    const result = await apply(JSON.stringify(grant('refused', spec)))
    expect(result.stderr).toContain(message)
  })

  it('refuse one for a Database of a namespace that does not grant it', async () => {
    await plane.mustKubectl(['create', 'namespace', 'others'])
    const other = grant('foreign', { databaseRef: { name: 'orders', namespace: 'agents' } })
    const { stderr } = await plane.kubectl(['apply', '-n', 'others', '-f', '-'], JSON.stringify(other))
    expect(stderr).toContain('spec.databaseRef: Database agents/orders is not grantable to namespace others')
  })

  it('warn of what is not there yet', async () => {
    const { stderr, code } = await apply(JSON.stringify(grant('early', { databaseRef: { name: 'later' }, policyRefs: [{ name: 'later' }] }))) // prettier-ignore
    expect(code).toBe(0)
    expect(stderr).toContain('there is no Database agents/later yet')
    expect(stderr).toContain('there is no AccessPolicy agents/later yet')
  })
})

describe('the webhook on pods', () => {
  it('puts the sidecar first, with the way to the database', async () => {
    await mustApply(pod('plain', { initContainers: [{ name: 'migrate', image: 'app' }] }))
    expect(await get('pod plain', '{.spec.initContainers[*].name}')).toBe('sallyport migrate')
    expect(await get('pod plain', '{.spec.initContainers[0].restartPolicy}')).toBe('Always')
    expect(await get('pod plain', '{.spec.hostAliases}')).toBe('[{"hostnames":["orders.prod.svc"],"ip":"127.20.0.1"}]')
    expect(await get('pod plain', '{.spec.initContainers[0].args}')).toContain('agents/orders=127.20.0.1:5432')
    expect(await get('pod plain', '{.spec.initContainers[0].env[3].value}')).toContain('BEGIN CERTIFICATE')
  })

  it('does nothing elsewhere, unless the pod asks for it', async () => {
    const inOthers = (object: object) =>
      plane.mustKubectl(['create', '-n', 'others', '-f', '-', '-o', 'jsonpath={.spec.initContainers[*].name}'], JSON.stringify(object)) // prettier-ignore
    expect(await inOthers(pod('naked', { serviceAccountName: 'default' }))).toBe('')
    expect(await inOthers(pod('asks', { serviceAccountName: 'default' }, { labels: { 'sallyport.dev/inject': 'enabled' } }))).toBe('sallyport') // prettier-ignore
  })

  it('refuses what would go around the sidecar, all at once, each with its path', async () => {
    const { stderr } = await apply(
      JSON.stringify(
        pod('hostile', {
          hostNetwork: true,
          shareProcessNamespace: true,
          containers: [{ name: 'app', image: 'app', volumeMounts: [{ name: 'sallyport-token', mountPath: '/t' }] }],
        }),
      ),
    )
    expect(stderr).toContain('host-network: spec.hostNetwork: must be false')
    expect(stderr).toContain('spec.shareProcessNamespace: must be false')
    expect(stderr).toContain('spec.containers[0].volumeMounts[0].name')
  })

  it('keeps debuggers out', async () => {
    const debug = { spec: { ephemeralContainers: [{ name: 'debug', image: 'app', targetContainerName: 'app' }] } }
    const patch = ['patch', 'pod', 'plain', '-n', 'agents', '--subresource=ephemeralcontainers', '-p', JSON.stringify(debug)] // prettier-ignore
    expect((await plane.kubectl(patch)).stderr).toContain('ephemeral-container')
  })
})

describe('the controller', () => {
  const can = async (...what: string[]): Promise<string> =>
    (await plane.kubectl(['auth', 'can-i', ...what, '--as=system:serviceaccount:sallyport-system:sallyport-controller'])).stdout.trim() // prettier-ignore

  it.each([
    ['*', '*'],
    ['list', 'secrets'],
    ['create', 'pods'],
    ['delete', 'auditsegments.sallyport.dev', '-n', 'sallyport-system'],
    ['update', 'auditsegments.sallyport.dev', '-n', 'sallyport-system'],
    ['update', 'secrets', '-n', 'agents'],
    ['create', 'accessgrants.sallyport.dev', '-n', 'agents'],
    ['create', 'serviceaccounts', '--subresource=token', '-n', 'agents'],
  ])('may not %s %s', async (...what) => {
    expect(await can(...what)).toBe('no')
  })

  it('serves metrics of what it did', async () => {
    const metricsOf = async (port: number) => (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    const text = await metricsOf(installation.metricsPort)
    const webhook = await metricsOf(installation.webhookMetricsPort)
    expect(webhook).toMatch(/sallyport_admission_reviews_total\{webhook="mutate-pods",result="host-network"\} 1/)
    expect(text).toMatch(/sallyport_grants\{state="Pending"\} [12]/)
  })

  it('gives its authority back to a configuration that lost it', async () => {
    const name = 'validatingwebhookconfiguration/sallyport'
    const wipe = [{ op: 'remove', path: '/webhooks/0/clientConfig/caBundle' }]
    await plane.mustKubectl(['patch', name, '--type=json', '-p', JSON.stringify(wipe)])
    const bundle = (): Promise<string> =>
      plane.mustKubectl(['get', name, '-o', 'jsonpath={.webhooks[0].clientConfig.caBundle}'])
    await until(async () => (await bundle()) !== '', 'the authority')
    expect(Buffer.from(await bundle(), 'base64').toString()).toContain('BEGIN CERTIFICATE')
  })
})
