import { request } from 'node:https'
import { join } from 'node:path'
import { chainStart, openSegment, sealRecord, verifyLines, type Snapshot, type StreamMessage } from '@sallyport/crds'
import { createLogger, type RunningController } from '@sallyport/controller'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { publishImages } from '../../controller/src/admission/publish-images.ts'
import { KubeClient } from '../../controller/src/kube/client.ts'
import { loadKubeConfig } from '../../controller/src/kube/kube-config.ts'
import { PodSeals } from '../../controller/src/reconcile/pod-seals.ts'
import { until } from '../rig/process.ts'
import { Cluster, https, type Body, type TestCondition } from './controller-rig.ts'

const group = '/apis/sallyport.dev/v1alpha1/namespaces/agents'
const cluster = new Cluster()
let controller: RunningController & { readonly stderr: () => string }
let tokenFile = ''
let pod: Body
let token = ''

beforeAll(async () => {
  await cluster.up()
  await cluster.installCrds()
  tokenFile = await cluster.installController()
  await cluster.must('POST', '/api/v1/namespaces', { metadata: { name: 'agents' } })
  for (const name of ['report', 'other'])
    await cluster.must('POST', '/api/v1/namespaces/agents/serviceaccounts', { metadata: { name } })
  pod = await createPod('report-1')
  token = await cluster.token('agents', 'report', { name: 'report-1', uid: pod.metadata.uid }, 'sallyport.dev')
  controller = await cluster.startController(tokenFile, join(cluster.dir, 'data'))
})

afterAll(async () => {
  await controller.stop()
  await cluster.down()
})

const createPod = (name: string): Promise<Body> =>
  cluster.createPod('agents', {
    metadata: { name, labels: { app: 'report' } },
    spec: { serviceAccountName: 'report', containers: [{ name: 'app', image: 'app' }] },
  })

const grantBody = (name: string, spec: object): object => ({
  apiVersion: 'sallyport.dev/v1alpha1',
  kind: 'AccessGrant',
  metadata: { name },
  spec: {
    subject: { serviceAccountName: 'report', podSelector: { matchLabels: { app: 'report' } } },
    databaseRef: { name: 'orders' },
    reason: 'a test',
    permissions: [{ operations: ['Select'], relations: ['public.orders'] }],
    ...spec,
  },
})

const grant = async (name: string): Promise<Body> => (await cluster.call('GET', `${group}/accessgrants/${name}`)).body
const stateOf = async (name: string): Promise<string | undefined> => (await grant(name)).status?.state
const condition = (object: Pick<Body, 'status'>, type: string): TestCondition | undefined =>
  object.status?.conditions?.find((one) => one.type === type)

type Message = StreamMessage & { readonly atMs: number }

/** A sidecar's stream; messages as they come. */
function openStream(bearer: string): {
  messages: Message[]
  ended: () => boolean
  close: () => void
  status: () => number
} {
  const messages: Message[] = []
  let ended = false
  let status = 0
  const sent = request(
    {
      host: '127.0.0.1',
      port: controller.streamPort,
      path: '/v1/stream',
      headers: { authorization: `Bearer ${bearer}` },
      rejectUnauthorized: false,
      agent: false,
    },
    (response) => {
      status = response.statusCode ?? 0
      let rest = ''
      response.on('data', (chunk: Buffer) => {
        rest += chunk.toString()
        const lines = rest.split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) messages.push({ ...(JSON.parse(line) as StreamMessage), atMs: performance.now() })
      })
      response.on('close', () => {
        ended = true
      })
      response.on('error', () => {
        ended = true
      })
    },
  )
  sent.on('error', () => {
    ended = true
  })
  sent.end()
  return { messages, ended: () => ended, close: () => sent.destroy(), status: () => status }
}
const lastSnapshot = (stream: { messages: Message[] }): (Snapshot & { atMs: number }) | undefined =>
  stream.messages.filter((message) => message.kind === 'Snapshot').at(-1)

describe('a grant', () => {
  it('waits for its Database and for the Secret of it, and says so', async () => {
    await cluster.must('POST', `${group}/accessgrants`, grantBody('early', { duration: '1h' }))
    await until(
      async () => condition(await grant('early'), 'Active')?.reason === 'DatabaseNotFound',
      'DatabaseNotFound',
    )
    await cluster.must('POST', `${group}/databases`, {
      apiVersion: 'sallyport.dev/v1alpha1',
      kind: 'Database',
      metadata: { name: 'orders' },
      spec: {
        engine: 'PostgreSQL',
        host: 'orders-db.prod.svc',
        port: 5432,
        localPort: 15432,
        databases: ['orders'],
        tls: { mode: 'Disable' },
        credentials: { static: { secretRef: { name: 'orders-login' } } },
      },
    })
    await until(
      async () => condition(await grant('early'), 'Active')?.reason === 'CredentialsNotAvailable',
      'CredentialsNotAvailable',
    )
    await cluster.must('POST', '/api/v1/namespaces/agents/secrets', {
      metadata: { name: 'orders-login' },
      stringData: { username: 'u', password: 'hunter2-secret' },
    })
    await until(async () => (await stateOf('early')) === 'Active', 'Active')
    const database = (await cluster.call('GET', `${group}/databases/orders`)).body
    expect(condition(database, 'Ready')).toMatchObject({ status: 'True' })
    expect(condition(database, 'CredentialsAvailable')).toMatchObject({ status: 'True' })
  })

  it('is Active within a second of its creation, with an end that follows from its duration', async () => {
    const durations: number[] = []
    for (let n = 0; n < 20; n += 1) {
      const startedMs = performance.now()
      await cluster.must('POST', `${group}/accessgrants`, grantBody(`quick-${n}`, { duration: '30m' }))
      await until(async () => (await stateOf(`quick-${n}`)) === 'Active', 'Active')
      durations.push(performance.now() - startedMs)
    }
    durations.sort((a, b) => a - b)
    console.log(`apply → Active, ms: p50 ${durations[10]?.toFixed(0)}, max ${durations.at(-1)?.toFixed(0)}`)
    const { status } = await grant('quick-0')
    if (!status) throw new Error('no status')
    expect(Date.parse(status.expiresAt) - Date.parse(status.activatedAt)).toBe(1_800_000)
    expect(condition({ status }, 'Ready')).toMatchObject({ status: 'True', observedGeneration: 1 })
    expect(condition({ status }, 'Approved')).toMatchObject({ status: 'True', reason: 'NotRequired' })
    for (let n = 1; n < 20; n += 1) await cluster.must('DELETE', `${group}/accessgrants/quick-${n}`)
  })

  it('keeps its times over a restart of the controller', async () => {
    const before = (await grant('early')).status!
    await controller.stop()
    controller = await cluster.startController(tokenFile, join(cluster.dir, 'data'))
    await until(() => controller.notReady().length === 0, 'ready')
    await cluster.must('POST', `${group}/accessgrants`, grantBody('after', { duration: '1h' }))
    await until(async () => (await stateOf('after')) === 'Active', 'Active')
    expect((await grant('early')).status).toMatchObject({
      activatedAt: before.activatedAt,
      expiresAt: before.expiresAt,
    })
  })

  it('says in Events what happened to it', async () => {
    const events = (await cluster.call('GET', '/apis/events.k8s.io/v1/namespaces/agents/events')).body.items
    const reasons = events.filter((event) => event.regarding.name === 'early').map((event) => event.reason)
    expect(reasons).toEqual(expect.arrayContaining(['DatabaseNotFound', 'CredentialsNotAvailable', 'Activated']))
  })
})

describe('the stream', () => {
  it('gives a pod its grants and credentials at once, new grants as they come, and takes deleted ones away', async () => {
    const stream = openStream(token)
    await until(() => lastSnapshot(stream) !== undefined, 'the first snapshot')
    const first = lastSnapshot(stream)
    expect(first?.subject).toMatchObject({
      namespace: 'agents',
      serviceAccount: 'report',
      pod: 'report-1',
      podUID: pod.metadata.uid,
    })
    expect(first?.databases[0]?.credentials).toEqual({ username: 'u', password: 'hunter2-secret' })
    const [pushed, revoked]: [number[], number[]] = [[], []]
    const has = (name: string): boolean => lastSnapshot(stream)?.grants.some((one) => one.name === name) ?? false
    for (let n = 0; n < 20; n += 1) {
      let startedMs = performance.now()
      await cluster.must('POST', `${group}/accessgrants`, grantBody(`pushed-${n}`, { duration: '30m' }))
      await until(() => has(`pushed-${n}`), 'pushed')
      pushed.push((lastSnapshot(stream)?.atMs ?? 0) - startedMs)
      startedMs = performance.now()
      await cluster.must('DELETE', `${group}/accessgrants/pushed-${n}`)
      await until(() => !has(`pushed-${n}`), 'revoked')
      revoked.push((lastSnapshot(stream)?.atMs ?? 0) - startedMs)
    }
    pushed.sort((a, b) => a - b)
    revoked.sort((a, b) => a - b)
    console.log(
      `apply → pushed, ms: p50 ${pushed[10]?.toFixed(0)}, max ${pushed.at(-1)?.toFixed(0)}; delete → pushed: p50 ${revoked[10]?.toFixed(0)}, max ${revoked.at(-1)?.toFixed(0)}`,
    )
    await until(() => stream.messages.some((message) => message.kind === 'Heartbeat'), 'a heartbeat', {
      timeoutMs: 8000,
    })
    stream.close()
  })

  it('takes a grant away at its end', async () => {
    const stream = openStream(token)
    await cluster.must('POST', `${group}/accessgrants`, grantBody('short', { duration: '1500ms' }))
    const has = (): boolean => lastSnapshot(stream)?.grants.some((one) => one.name === 'short') ?? false
    await until(has, 'pushed')
    const { expiresAt } = (await grant('short')).status!
    await until(() => !has(), 'taken away')
    const lateMs = Date.now() - Date.parse(expiresAt)
    console.log(`expiry → pushed, ms: ${lateMs}`)
    expect(lateMs).toBeGreaterThanOrEqual(0)
    await until(async () => condition(await grant('short'), 'Expired')?.status === 'True', 'Expired')
    expect((await grant('short')).status).toMatchObject({ state: 'Expired', endedAt: expiresAt, endReason: 'Expired' })
    stream.close()
  })

  it('serves a compiled policy by its digest, and names file, row and column of one that does not compile', async () => {
    const policy = (name: string, rego: string): object => ({
      apiVersion: 'sallyport.dev/v1alpha1',
      kind: 'AccessPolicy',
      metadata: { name },
      spec: { rego },
    })
    const rego =
      'package policy\nimport rego.v1\ndeny contains {"rule": "r", "message": "m"} if { input.statement.kind == "DropStmt" }\n'
    await cluster.must('POST', `${group}/accesspolicies`, policy('good', rego))
    const stream = openStream(token)
    await until(() => lastSnapshot(stream)?.policies.some((one) => one.name === 'good') ?? false, 'the policy')
    const digest = lastSnapshot(stream)?.policies[0]?.digest.replace('sha256:', '')
    expect((await https(`https://127.0.0.1:${controller.streamPort}/v1/policies/${digest}`, { token })).status).toBe(
      200,
    )
    expect(
      (await https(`https://127.0.0.1:${controller.streamPort}/v1/policies/${'0'.repeat(64)}`, { token })).status,
    ).toBe(404)
    await cluster.must(
      'PATCH',
      `${group}/accesspolicies/good`,
      { spec: { rego: `${rego}deny contains x if { y }\n` } },
      'application/merge-patch+json',
    )
    const read = async (): Promise<Body> => (await cluster.call('GET', `${group}/accesspolicies/good`)).body
    await until(async () => condition(await read(), 'Compiled')?.status === 'False', 'the failure')
    expect(condition(await read(), 'Compiled')?.message).toMatch(/policy\.rego:4/)
    expect(condition(await read(), 'Ready')).toMatchObject({ reason: 'LastGoodInForce' })
    expect(lastSnapshot(stream)?.policies[0]?.digest).toBe(`sha256:${digest}`)
    stream.close()
    await cluster.must('DELETE', `${group}/accesspolicies/good`)
  })
})

describe('a sidecar is refused', () => {
  const stream = (bearer?: string) =>
    https(`https://127.0.0.1:${controller.streamPort}/v1/stream`, bearer ? { token: bearer } : {})

  it('without a token', async () => {
    expect((await stream()).status).toBe(401)
  })

  it('with a token of another audience', async () => {
    const bearer = await cluster.token('agents', 'report', { name: 'report-1', uid: pod.metadata.uid })
    expect((await stream(bearer)).status).toBe(401)
  })

  it('with a token that is bound to no pod', async () => {
    expect((await stream(await cluster.token('agents', 'report', undefined, 'sallyport.dev'))).status).toBe(401)
  })

  it('once its pod is deleted, and its open stream is ended', async () => {
    const doomed = await createPod('doomed')
    const bearer = await cluster.token(
      'agents',
      'report',
      { name: 'doomed', uid: doomed.metadata.uid },
      'sallyport.dev',
    )
    const open = openStream(bearer)
    await until(() => lastSnapshot(open) !== undefined, 'the first snapshot')
    await cluster.must('DELETE', '/api/v1/namespaces/agents/pods/doomed', { gracePeriodSeconds: 0 })
    await until(() => open.ended(), 'the end of the stream')
    expect([401, 403]).toContain((await stream(bearer)).status)
  })
})

const metrics = async (): Promise<string> => (await fetch(`http://127.0.0.1:${controller.metricsPort}/metrics`)).text()
const eventsOn = async (name: string): Promise<readonly Body[]> => {
  const { items } = (await cluster.call('GET', '/apis/events.k8s.io/v1/namespaces/agents/events')).body
  return items.filter((event) => event.regarding.name === name)
}

describe('what a sidecar found of the way around it', () => {
  const path = '/api/v1/namespaces/agents/pods/report-1'
  const type = 'sallyport.dev/Sealed'
  const sealed = async (): Promise<TestCondition | undefined> => condition((await cluster.call('GET', path)).body, type)
  const post = (seal: object) =>
    https(`https://127.0.0.1:${controller.streamPort}/v1/status`, {
      method: 'POST',
      token,
      body: { databases: [], seal },
    })
  const login = { mode: 'Local', status: 'False', reason: 'LoginRequired', message: 'orders asks for a login' }
  const patchStatus = (conditions: readonly object[]) =>
    cluster.must('PATCH', `${path}/status`, { status: { conditions } }, 'application/strategic-merge-patch+json')

  it('is a condition of its pod beside those of others, an Event and a metric', async () => {
    await patchStatus([{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-02T03:04:05Z' }])
    expect((await post(login)).status).toBe(204)
    await until(async () => (await sealed()) !== undefined, 'the condition')
    expect(await sealed()).toMatchObject({
      status: 'False',
      reason: 'LoginRequired',
      message: 'orders asks for a login',
    })
    expect(condition((await cluster.call('GET', path)).body, 'Ready')).toMatchObject({ status: 'True' })
    await until(async () => (await eventsOn('report-1')).length > 0, 'the Event')
    expect(await eventsOn('report-1')).toMatchObject([
      { type: 'Warning', reason: 'LoginRequired', note: 'orders asks for a login' },
    ])
    const line = 'sallyport_pods_sealed{mode="Local",status="False",reason="LoginRequired"} 1'
    await until(async () => (await metrics()).includes(line), 'the metric')
  })

  it('moves lastTransitionTime with the status only, and tells of a change only', async () => {
    const longAgo = '2026-01-02T03:04:05Z'
    await patchStatus([{ ...login, type, lastTransitionTime: longAgo, mode: undefined }])
    await post({ ...login, message: 'orders and stock ask for a login' })
    await until(async () => (await sealed())?.message.includes('stock') ?? false, 'the message')
    expect(await sealed()).toMatchObject({ lastTransitionTime: longAgo })
    await post({ mode: 'Local', status: 'False', reason: 'OpenToAll', message: 'stock let a stranger in' })
    await until(async () => (await sealed())?.reason === 'OpenToAll', 'the reason')
    expect(await sealed()).toMatchObject({ lastTransitionTime: longAgo })
    await post({ mode: 'Redirect', status: 'True', reason: 'Redirected', message: 'every way leads to the sidecar' })
    await until(async () => (await sealed())?.status === 'True', 'the status')
    expect((await sealed())?.lastTransitionTime).not.toBe(longAgo)
    await until(async () => (await eventsOn('report-1')).length === 3, 'the Events')
    expect((await eventsOn('report-1')).map((event) => `${event.type} ${event.reason}`).sort()).toEqual([
      'Normal Redirected',
      'Warning LoginRequired',
      'Warning OpenToAll',
    ])
    await until(async () => !(await metrics()).includes('LoginRequired'), 'the metric')
  })

  it('is not told again by a controller that was restarted', async () => {
    await controller.stop()
    controller = await cluster.startController(tokenFile, join(cluster.dir, 'data'))
    await post({ mode: 'Redirect', status: 'True', reason: 'Redirected', message: 'every way leads to the sidecar' })
    await until(async () => (await metrics()).includes('reason="Redirected"} 1'), 'the metric')
    await until(async () => /reconciles_total{queue="seals",result="ok"} 1/.test(await metrics()), 'the reconcile')
    expect(await eventsOn('report-1')).toHaveLength(3)
  })

  it('does no harm on a pod that is gone, and is refused in words nobody knows', async () => {
    const doomed = await createPod('doomed-too')
    const uid = doomed.metadata.uid
    const bearer = await cluster.token('agents', 'report', { name: 'doomed-too', uid }, 'sallyport.dev')
    const url = `https://127.0.0.1:${controller.streamPort}/v1/status`
    const send = (seal: object) => https(url, { method: 'POST', token: bearer, body: { databases: [], seal } })
    expect((await send({ ...login, reason: 'Fine' })).status).toBe(400)
    expect((await send(login)).status).toBe(204)
    await until(async () => (await metrics()).includes('LoginRequired'), 'the metric')
    await cluster.must('DELETE', '/api/v1/namespaces/agents/pods/doomed-too', { gracePeriodSeconds: 0 })
    await until(async () => !(await metrics()).includes('LoginRequired'), 'the end of the pod')
    expect(await metrics()).not.toContain('reconciles_total{queue="seals",result="error"}')
  })

  it('is not written on a pod that took the name of the one it was found in', async () => {
    const client = new KubeClient(loadKubeConfig({ kubeconfig: cluster.plane.kubeconfig }))
    const events: string[] = []
    const seals = new PodSeals({ client, events: { record: () => void events.push('told') }, nowMs: Date.now })
    const found = { mode: 'Local', status: 'False', reason: 'OpenToAll', message: 'for another' } as const
    seals.report({ namespace: 'agents', pod: 'nobody', podUID: 'a' }, found)
    seals.report({ namespace: 'agents', pod: 'report-1', podUID: 'b' }, found)
    expect(await seals.reconcile('a')).toBeNull()
    expect(await seals.reconcile('b')).toBeNull()
    expect((await sealed())?.reason).toBe('Redirected')
    expect(events).toEqual([])
    await client.config.close()
  })
})

describe('images that pods may carry', () => {
  it('are all published when many versions begin at once, and again when they were taken away', async () => {
    const client = new KubeClient(loadKubeConfig({ kubeconfig: cluster.plane.kubeconfig }))
    const log = createLogger('silent')
    const images = Array.from({ length: 8 }, (_, index) => `sidecar:${index}`)
    const place = { client, namespace: 'sallyport-system', name: 'images', nowMs: Date.now, log, checkMs: 50 }
    const publishers = images.map((image) => publishImages({ ...place, images: [image] }))
    const path = '/api/v1/namespaces/sallyport-system/configmaps/images'
    const published = async (): Promise<readonly string[]> => {
      const { body } = await cluster.call('GET', path)
      return Object.values(body.data ?? {}).sort()
    }
    await until(() => publishers.every((one) => one.isPublished()), 'all of them')
    expect(await published()).toEqual(images)
    await cluster.must('DELETE', path)
    await until(async () => (await published()).length === 8, 'all of them again')
    await until(() => publishers.every((one) => one.isPublished()), 'readiness')
    await Promise.all(publishers.map((one) => one.close()))
    await client.config.close()
  })
})

describe('a pod without a sidecar', () => {
  const create = (namespace: string, name: string, metadata: object = {}): Promise<Body> =>
    cluster.must('POST', `/api/v1/namespaces/${namespace}/pods`, {
      metadata: { name, ...metadata },
      spec: { containers: [{ name: 'app', image: 'app' }] },
    })
  const enroll = (namespace: string): Promise<Body> =>
    cluster.must(
      'PATCH',
      `/api/v1/namespaces/${namespace}`,
      { metadata: { labels: { 'sallyport.dev/inject': 'enabled' } } },
      'application/merge-patch+json',
    )
  const counted = async (): Promise<readonly string[]> =>
    (await metrics()).split('\n').filter((line) => line.startsWith('sallyport_pods_not_injected'))
  const events = async (namespace: string): Promise<readonly string[]> => {
    const { items } = (await cluster.call('GET', `/apis/events.k8s.io/v1/namespaces/${namespace}/events`)).body
    return items.filter((event) => event.reason === 'NotInjected').map((event) => event.regarding.name)
  }

  it('is counted and told of once, as soon as its namespace is enrolled, until it ends', async () => {
    await cluster.must('POST', '/api/v1/namespaces', { metadata: { name: 'early' } })
    await create('early', 'before')
    await create('early', 'injected', { annotations: { 'sallyport.dev/injected': 'sidecar' } })
    await create('early', 'asks', { labels: { 'sallyport.dev/inject': 'enabled' } })
    await until(async () => (await counted()).join() === 'sallyport_pods_not_injected{namespace="early"} 1', 'asks')
    await enroll('early')
    await until(async () => (await counted()).join() === 'sallyport_pods_not_injected{namespace="early"} 2', 'both')
    await until(async () => (await events('early')).length === 2, 'the Events')
    await controller.stop()
    controller = await cluster.startController(tokenFile, join(cluster.dir, 'data'))
    await until(async () => (await counted()).join() === 'sallyport_pods_not_injected{namespace="early"} 2', 'again')
    await cluster.must('DELETE', '/api/v1/namespaces/early/pods/asks', { gracePeriodSeconds: 0 })
    await cluster.must(
      'PATCH',
      '/api/v1/namespaces/early/pods/before/status',
      { status: { phase: 'Succeeded' } },
      'application/merge-patch+json',
    )
    await until(async () => (await counted()).length === 0, 'the end of both')
    expect([...(await events('early'))].sort()).toEqual(['asks', 'before'])
  })

  it('does not count where the webhook does not look', async () => {
    await cluster.must('POST', '/api/v1/namespaces', { metadata: { name: 'excluded' } })
    await cluster.must('POST', '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations', {
      metadata: { name: 'sallyport' },
      webhooks: [
        {
          name: 'pods.sallyport.dev',
          clientConfig: { url: 'https://127.0.0.1:1/mutate-pods' },
          failurePolicy: 'Ignore',
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
          namespaceSelector: {
            matchLabels: { 'sallyport.dev/inject': 'enabled' },
            matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['excluded'] }],
          },
          rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
        },
      ],
    })
    await controller.stop()
    controller = await cluster.startController(tokenFile, join(cluster.dir, 'data'))
    await enroll('excluded')
    await create('excluded', 'alone')
    await enroll('early')
    await create('early', 'another')
    await until(async () => (await counted()).length > 0, 'the other')
    expect(await counted()).toEqual(['sallyport_pods_not_injected{namespace="early"} 1'])
    expect(await events('excluded')).toEqual([])
    await cluster.must('DELETE', '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/sallyport')
  })
})

describe('audit records', () => {
  it('are acknowledged once, refused when edited, and end in a segment that verifies', async () => {
    const source = `${pod.metadata.uid}/boot-1`
    const lines: string[] = []
    let prev = chainStart.hash
    for (let seq = 1; seq <= 50; seq += 1) {
      const event = { kind: 'Statement', phase: 'Intent', decision: 'Allow' }
      const record = sealRecord(prev, seq, Date.now(), event)
      lines.push(record.line)
      prev = record.hash
    }
    const post = (body: object) =>
      https(`https://127.0.0.1:${controller.streamPort}/v1/audit`, { method: 'POST', token, body })
    const batch = (some: string[]) => ({ source, namespace: 'agents', pod: 'report-1', lines: some })
    expect(await post(batch(lines.slice(0, 20)))).toEqual({ status: 200, body: { acknowledgedSeq: 20 } })
    expect(await post(batch(lines.slice(10, 30)))).toEqual({ status: 200, body: { acknowledgedSeq: 30 } })
    expect((await post(batch(lines.slice(40)))).status).toBe(409)
    expect((await post(batch([lines[30]!.replace('Allow', 'Deny')]))).status).toBe(422)
    expect((await post({ ...batch(lines), source: 'another/boot' })).status).toBe(403)
    expect(await post(batch(lines.slice(30)))).toEqual({ status: 200, body: { acknowledgedSeq: 50 } })
    await controller.stop()
    const segments = (
      await cluster.call('GET', '/apis/sallyport.dev/v1alpha1/namespaces/sallyport-system/auditsegments')
    ).body.items
    const runs = segments.flatMap((segment) => {
      const opened = openSegment(segment.spec)
      if (!opened.ok) throw new Error(opened.message)
      return opened.runs.filter((run) => run.source === source).flatMap((run) => run.lines)
    })
    expect(verifyLines(runs, chainStart)).toMatchObject({ ok: true, last: { seq: 50 } })
    controller = await cluster.startController(tokenFile, join(cluster.dir, 'data'))
    expect(await post(batch(lines))).toEqual({ status: 200, body: { acknowledgedSeq: 50 } })
    await controller.stop()
    controller = await cluster.startController(tokenFile, join(cluster.dir, 'another-disk'))
    expect(await post(batch(lines))).toEqual({ status: 200, body: { acknowledgedSeq: 50 } })
  })

  it('nor anything else put a secret into the log', () => {
    expect(controller.stderr()).not.toContain('hunter2')
  })
})
