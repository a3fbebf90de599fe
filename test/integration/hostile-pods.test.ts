/**
 * The table of test/hostile-pods against a real API server, with the plug-ins a cluster has: first with everything on, then
 * without the webhook, then without the policies too.
 */
import { findForgery, podReasons, sealKeyOf } from '@sallyport/controller/inject'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { changeObject } from '../hostile-pods/change-object.ts'
import {
  authorRows,
  changeRows,
  connectionRows,
  copyRows,
  goodRows,
  namespaceRows,
  outsideRows,
  type CopyRow,
  type GoodRow,
} from '../hostile-pods/rows.ts'
import { startControlPlane, type ControlPlane } from '../rig/control-plane.ts'
import { buildCommands, install, type Installation } from '../rig/installation.ts'
import { until } from '../rig/process.ts'
import { requestJson, type JsonAnswer } from '../rig/request-json.ts'

interface PodObject {
  readonly metadata: { readonly name: string; readonly uid: string; readonly namespace: string }
  readonly spec: {
    readonly serviceAccountName: string
    readonly initContainers?: readonly { readonly name: string; readonly args?: string[] }[]
    readonly volumes?: readonly { readonly name: string }[]
  }
}

interface Status {
  readonly message?: string
  readonly status?: { readonly token?: string }
  readonly data?: Readonly<Record<string, string>>
}

let plane: ControlPlane
let installation: Installation
let author = ''
let sealKey: Buffer

const call = <T = Status>(
  method: string,
  path: string,
  body?: unknown,
  token = author,
  contentType = 'application/json',
) =>
  // prettier-ignore
  requestJson<T>(`${plane.url}${path}`, { method, token, body, contentType })
const apply = (...items: readonly object[]) =>
  plane.mustKubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))

beforeAll(async () => {
  buildCommands()
  plane = await startControlPlane({ serviceAccounts: true })
  installation = await install(plane)
  const others = Object.entries(namespaces).filter(([name]) => name !== 'kube-system')
  await apply(...others.map(([name, metadata]) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, ...metadata } }))) // prettier-ignore
  await apply(
    ...Object.keys(namespaces).flatMap((name) => [...accounts(name), limitRange(name)]),
    ...['local', 'redirect'].map(database),
    { apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata: { name: 'sandbox' }, handler: 'sandbox' },
  )
  author = await makeAuthor()
  const keys = await call('GET', '/api/v1/namespaces/sallyport-system/secrets/sallyport-keys', undefined, plane.adminToken) // prettier-ignore
  sealKey = sealKeyOf(Buffer.from(keys.body.data?.['hash.key'] ?? '', 'base64'))
  await until(knowsDatabases, 'the webhook knows the Databases')
  await until(async () => (await connect('nobody', 'exec', 'sallyport')) === 'sidecar-entered', 'policies are in force')
})

afterAll(async () => {
  await installation.stop()
  await plane.stop()
})

const enrolled = { labels: { 'sallyport.dev/inject': 'enabled' } }
const namespaces: Readonly<Record<string, object>> = {
  local: enrolled,
  redirect: { ...enrolled, annotations: { 'sallyport.dev/interception': 'Redirect' } },
  neighbour: enrolled,
  late: {},
  free: {},
  'kube-system': {},
}

const accounts = (namespace: string): readonly object[] =>
  ['default', 'agent', 'other'].map((name) => ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name, namespace },
    imagePullSecrets: [{ name: 'pull' }],
  }))

const limitRange = (namespace: string): object => ({
  apiVersion: 'v1',
  kind: 'LimitRange',
  metadata: { name: 'defaults', namespace },
  spec: { limits: [{ type: 'Container', default: { cpu: '500m', memory: '1Gi' }, defaultRequest: { cpu: '10m' } }] },
})

const database = (namespace: string): object => ({
  apiVersion: 'sallyport.dev/v1alpha1',
  kind: 'Database',
  metadata: { name: 'orders', namespace },
  spec: {
    engine: 'PostgreSQL',
    host: 'orders-db.prod.svc',
    localPort: 15_432,
    databases: ['shop'],
    credentials: { static: { secretRef: { name: 'login' } } },
  },
})

/** Somebody who may do with pods, and change of namespaces, whatever admission lets him. */
async function makeAuthor(): Promise<string> {
  const rules = [
    { apiGroups: [''], resources: ['pods', 'pods/ephemeralcontainers', 'pods/resize', 'pods/status', 'pods/exec', 'pods/attach', 'configmaps'], verbs: ['*'] }, // prettier-ignore
    { apiGroups: [''], resources: ['namespaces'], verbs: ['get', 'update', 'patch'] },
  ]
  const rbac = 'rbac.authorization.k8s.io'
  await apply(
    { apiVersion: `${rbac}/v1`, kind: 'ClusterRole', metadata: { name: 'author' }, rules },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name: 'author' },
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'author' },
      subjects: [{ kind: 'ServiceAccount', name: 'other', namespace: 'free' }],
    },
  )
  return (await plane.mustKubectl(['create', 'token', 'other', '-n', 'free', '--duration=2h'])).trim()
}

const restricted = { runAsUser: 1000, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }

/** The pod that rows change. */
function plainPod(namespace: string, name = 'pod'): object {
  const securityContext = namespace === 'redirect' ? { securityContext: restricted } : {}
  return {
    metadata: { name, namespace },
    spec: { serviceAccountName: 'agent', containers: [{ name: 'app', image: 'app', ...securityContext }] },
  }
}

/** Creates a pod, by dry-run unless it shall stay. */
function create(namespace: string, pod: object, stays = false): Promise<JsonAnswer<PodObject & Status>> {
  const query = stays ? '' : '&dryRun=All'
  return call('POST', `/api/v1/namespaces/${namespace}/pods?fieldValidation=Strict${query}`, pod)
}

/** A reason, or what else became of a request. */
function outcome({ status, body }: JsonAnswer<Status>): string {
  const { message = '' } = body
  const reason = /denied (?:the )?request: ([a-z-]+): /.exec(message)?.[1]
  if (reason !== undefined) return reason
  if (status === 422 || message.includes('a mirror pod may not reference')) return 'invalid'
  // No kubelet is there to be connected with.
  if (status < 300 || /does not have a host assigned|pods "[a-z]+" not found/.test(message)) return 'admitted'
  return `${status} ${message}`
}

async function knowsDatabases(): Promise<boolean> {
  const pods = await Promise.all(['local', 'redirect'].map((name) => create(name, plainPod(name))))
  return pods.every(({ body }) => JSON.stringify(body).includes('/orders='))
}

/** An injected pod as somebody may have read it, and write it again. */
async function injectedPod(namespace: string): Promise<object> {
  const { body } = await create(namespace, plainPod(namespace))
  const { labels, annotations } = body.metadata as { readonly labels?: object; readonly annotations?: object }
  return { metadata: { name: 'pod', namespace, labels, annotations }, spec: body.spec }
}

const copies = new Map<string, object>()
/** By namespace, as they were while the webhook answered. */
async function copyOf(namespace: string): Promise<object> {
  const held = copies.get(namespace) ?? (await injectedPod(namespace))
  copies.set(namespace, held)
  return structuredClone(held)
}

async function changedCopy({
  in: namespace = 'local',
  from = namespace,
  ...change
}: Partial<CopyRow>): Promise<object> {
  const copy = changeObject(await copyOf(from), { name: '', ...change })
  return changeObject(copy, { name: '', set: { 'metadata.namespace': namespace } })
}

function goodPod({ in: namespace = 'local', containers = 1, ...change }: GoodRow): object {
  const pod = changeObject(plainPod(namespace), change)
  const more = Array.from({ length: containers - 1 }, (_, index) => [`spec.containers[+]`, { name: `app-${index}`, image: 'app' }] as const) // prettier-ignore
  return more.reduce((made, [path, value]) => changeObject(made, { name: '', set: { [path]: value } }), pod)
}

const isWhole = (namespace: string, pod: unknown): string | null => findForgery(pod, namespace, sealKey)

describe('with everything on', () => {
  it.each(authorRows)('refuses $name: $answer', async ({ in: namespace = 'local', answer, ...change }) => {
    expect(outcome(await create(namespace, changeObject(plainPod(namespace), change)))).toBe(answer)
  })

  it.each(copyRows)('answers a copy with $name', async ({ webhook = 'restored', ...row }) => {
    const namespace = row.in ?? 'local'
    const answer = await create(namespace, await changedCopy(row))
    expect(outcome(answer)).toBe(webhook === 'restored' ? 'admitted' : webhook)
    if (webhook === 'restored') expect(isWhole(namespace, answer.body)).toBeNull()
  })

  it.each(goodRows)('takes a pod with $name, and puts the whole sidecar in', async (row) => {
    const namespace = row.in ?? 'local'
    const answer = await create(namespace, goodPod(row))
    expect(outcome(answer)).toBe('admitted')
    expect(isWhole(namespace, answer.body)).toBeNull()
  })

  it.each(outsideRows)('leaves alone, or refuses, $name', async ({ in: namespace = 'free', answer, ...change }) => {
    const pod = changeObject(plainPod(namespace), change)
    const result = await create(namespace, pod)
    expect(outcome(result)).toBe(answer === 'untouched' ? 'admitted' : answer)
    if (answer === 'untouched') expect(result.body.spec.initContainers).toBeUndefined()
  })

  it('gives the API server’s token to every container, and its own to none but the sidecar', async () => {
    const { spec } = (await create('redirect', plainPod('redirect'))).body
    expect(spec.initContainers?.map(({ name }) => name)).toEqual(['sallyport-redirect', 'sallyport-probe', 'sallyport'])
    const mounts = JSON.stringify(spec.initContainers)
    expect(mounts.match(/"name":"kube-api-access-[^"]+","readOnly":true/g)).toHaveLength(3)
    expect(JSON.stringify(spec).match(/"name":"sallyport-token","readOnly":true/g)).toHaveLength(1)
  })
})

describe('changes of what is there', () => {
  beforeAll(async () => {
    for (const [name, namespace] of Object.entries({
      local: 'local',
      redirect: 'redirect',
      plain: 'free',
      naked: 'late',
    }))
      expect(outcome(await create(namespace, plainPod(namespace, name), true))).toBe('admitted')
    const asks = changeObject(plainPod('free', 'labelled'), { name: '', set: { 'metadata.labels["sallyport.dev/inject"]': 'enabled' } }) // prettier-ignore
    expect(outcome(await create('free', asks, true))).toBe('admitted')
    await plane.mustKubectl(['label', 'namespace', 'late', 'sallyport.dev/inject=enabled'])
  })

  it.each(changeRows)('of a pod: $name: $answer', async ({ pod, subresource, patch, answer }) => {
    const path = `${podPath(pod)}${subresource === undefined ? '' : `/${subresource}`}?dryRun=All`
    const result = await call('PATCH', path, patch, author, 'application/strategic-merge-patch+json')
    expect(outcome(result)).toBe(answer === 'allowed' ? 'admitted' : answer)
  })

  it.each(connectionRows)('by connection: $name: $answer', async ({ pod, verb, container, answer }) => {
    expect(await connect(pod, verb, container)).toBe(answer === 'allowed' ? 'admitted' : answer)
  })

  it.each(namespaceRows)('of a namespace: $name: $answer', async ({ namespace, patch, answer, administrator }) => {
    const change = (token: string) =>
      call('PATCH', `/api/v1/namespaces/${namespace}?dryRun=All`, patch, token, 'application/strategic-merge-patch+json') // prettier-ignore
    expect(outcome(await change(author))).toBe(answer === 'allowed' ? 'admitted' : answer)
    expect(outcome(await change(plane.adminToken))).toBe(administrator === 'allowed' ? 'admitted' : administrator)
  })

  it('of the images pods may carry: by nobody but Sallyport', async () => {
    const path = '/api/v1/namespaces/sallyport-system/configmaps/sallyport-injection?dryRun=All'
    const patch = { data: { mine: 'evil' } }
    for (const token of [author, plane.adminToken])
      expect(outcome(await call('PATCH', path, patch, token, 'application/merge-patch+json'))).toBe('images-kept')
  })
})

const homes: Readonly<Record<string, string>> = { local: 'local', redirect: 'redirect', naked: 'late' }
const podPath = (pod: string): string => `/api/v1/namespaces/${homes[pod] ?? 'free'}/pods/${pod}`

async function connect(pod: string, verb: string, container: string): Promise<string> {
  const path = `${podPath(pod)}/${verb}?container=${container}&command=id&stdout=true`
  return outcome(await call('POST', path))
}

describe('without the webhook', () => {
  beforeAll(async () => {
    for (const namespace of ['local', 'redirect', 'neighbour']) await copyOf(namespace)
    for (const row of goodRows) written.set(row.name, (await create(row.in ?? 'local', goodPod(row))).body)
    await plane.mustKubectl(['delete', 'mutatingwebhookconfiguration', 'sallyport'])
    const isGone = async (): Promise<boolean> => outcome(await create('local', plainPod('local'))) === 'not-injected'
    await until(isGone, 'nobody injects')
  })

  it.each(authorRows)('refuses a copy with $name', async ({ answer, policies = answer, ...row }) => {
    expect(outcome(await create(row.in ?? 'local', await changedCopy(row)))).toBe(policies)
  })

  it.each(copyRows)('refuses a copy with $name: $policies', async ({ policies, ...row }) => {
    expect(outcome(await create(row.in ?? 'local', await changedCopy(row)))).toBe(policies)
  })

  it.each(goodRows)('takes a pod with $name as it was injected', async (row) => {
    const { metadata, spec } = written.get(row.name) ?? { metadata: {}, spec: {} }
    const { name, namespace, labels, annotations } = metadata as { name: string; namespace: string; labels?: object; annotations?: object } // prettier-ignore
    const pod = { metadata: { name, namespace, labels, annotations }, spec }
    expect(outcome(await create(row.in ?? 'local', pod))).toBe('admitted')
  })

  it('takes a pod with as many Databases as there are ports, at a cost the API server allows', async () => {
    const copy = (await copyOf('redirect')) as PodObject
    const [first, , sidecar] = copy.spec.initContainers ?? []
    const listed = Array.from({ length: 90 }, (_, index) => `a-rather-long-namespace/a-rather-long-name-${index}=`)
    first?.args?.push(...listed.map((database, index) => `--database=${database}db-${index}.a-rather-long-host-name.example.com:5432=${15_910 + index}`)) // prettier-ignore
    sidecar?.args?.push(...listed.map((database, index) => `--listen=${database}127.20.0.${index}:5432`))
    sidecar?.args?.push(...listed.map((database, index) => `--redirect=${database}${15_910 + index}`))
    expect(outcome(await create('redirect', copy))).toBe('admitted')
  })

  it.each(outsideRows)('leaves alone, or refuses, $name', async ({ in: namespace = 'free', answer, ...change }) => {
    const isLabelled = JSON.stringify(change).includes('sallyport.dev/inject') && namespace === 'free'
    const expected = isLabelled ? 'not-injected' : answer === 'untouched' ? 'admitted' : answer
    expect(outcome(await create(namespace, changeObject(plainPod(namespace), change)))).toBe(expected)
  })
})

const written = new Map<string, PodObject>()

describe('without admission', () => {
  let url = ''
  let count = 0

  beforeAll(async () => {
    const { spec } = (await copyOf('local')) as PodObject
    url = spec.initContainers?.[0]?.args?.find((argument) => argument.startsWith('--controller-url='))?.split('=')[1] ?? '' // prettier-ignore
    await plane.mustKubectl(['delete', 'validatingadmissionpolicybindings,validatingadmissionpolicies', '-l', 'app.kubernetes.io/instance=sallyport']) // prettier-ignore
    await until(async () => outcome(await create('local', plainPod('local'))) === 'admitted', 'nobody refuses')
  })

  /** What the controller says to the sidecar of a pod that is really there. */
  async function ask(namespace: string, pod: object): Promise<string> {
    const name = `pod-${count++}`
    const made = await create(namespace, changeObject(pod, { name: '', set: { 'metadata.name': name } }), true)
    if (outcome(made) !== 'admitted') return outcome(made)
    const { uid } = made.body.metadata
    const account = made.body.spec.serviceAccountName
    const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name, uid }
    const token = await call('POST', `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`, { spec: { audiences: ['sallyport.dev'], expirationSeconds: 600, boundObjectRef } }, plane.adminToken) // prettier-ignore
    const answer = await requestJson<Status>(`${url}/v1/status`, { method: 'POST', token: token.body.status?.token ?? '', body: { databases: [] } }) // prettier-ignore
    if (answer.status === 204) return 'genuine'
    return /^pod-not-genuine: ([a-z-]+) at /.exec(answer.body.message ?? '')?.[1] ?? String(answer.body.message?.split(':')[0]) // prettier-ignore
  }

  it.each(authorRows)(
    'tells nothing to the sidecar of a copy with $name',
    async ({ answer, policies = answer, seal = policies, ...row }) => {
      // prettier-ignore
      expect(await ask(row.in ?? 'local', await changedCopy(row))).toBe(seal)
    },
  )

  it.each(copyRows)(
    'tells nothing to the sidecar of a copy with $name',
    async ({ seal = 'pod-not-genuine', ...row }) => {
      // prettier-ignore
      expect(await ask(row.in ?? 'local', await changedCopy(row))).toBe(seal)
    },
  )

  it.each(goodRows)('talks to the sidecar of a pod with $name', async (row) => {
    const { metadata, spec } = written.get(row.name) ?? { metadata: {}, spec: {} }
    const { namespace, labels, annotations } = metadata as { namespace: string; labels?: object; annotations?: object }
    expect(await ask(row.in ?? 'local', { metadata: { name: '', namespace, labels, annotations }, spec })).toBe(
      'genuine',
    )
  })

  it('tells nothing to a pod that asked for the token itself', async () => {
    const token = { projected: { sources: [{ serviceAccountToken: { audience: 'sallyport.dev', path: 't' } }] } }
    const pod = changeObject(plainPod('free'), { name: '', set: { 'spec.volumes[+]': { name: 'mine', ...token } } })
    expect(await ask('free', pod)).toBe('pod-not-genuine')
  })
})

describe('the table', () => {
  it('has enough', () => {
    const hostile = [authorRows, copyRows, outsideRows, changeRows, connectionRows, namespaceRows].flat().length
    process.stdout.write(`${hostile} hostile or clumsy specs and changes, and ${goodRows.length} good pods\n`)
    expect(hostile).toBeGreaterThanOrEqual(90)
    expect(goodRows.length).toBeGreaterThanOrEqual(10)
  })

  it('uses the words of docs/reasons.md', () => {
    const others = ['admitted', 'allowed', 'genuine', 'invalid', 'restored', 'untouched']
    const columns: readonly string[] = ['answer', 'policies', 'seal', 'webhook', 'administrator']
    const wordsOf = (row: object): string[] =>
      Object.entries(row).flatMap(([key, word]: [string, unknown]) => (columns.includes(key) ? [String(word)] : []))
    const words = new Set(
      [authorRows, copyRows, outsideRows, changeRows, connectionRows, namespaceRows].flat().flatMap(wordsOf),
    )
    expect([...words].filter((word) => ![...podReasons, ...others].includes(word))).toEqual([])
  })
})
