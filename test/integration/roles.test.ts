/** The two roles as processes, with the rights the chart gives each: how they wait for one another, and how they end. */
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, createServer, request } from 'node:https'
import { join } from 'node:path'
import { connect } from 'node:tls'
import {
  chainStart,
  openSegment,
  parseRecord,
  sealRecord,
  verifyLines,
  type AuditAck,
  type SegmentSpec,
} from '@sallyport/crds'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { issueAuthority, issueServing } from '../../controller/src/certificates/issue.ts'
import { startControlPlane, type ControlPlane } from '../rig/control-plane.ts'
import { freePorts } from '../rig/free-port.ts'
import { buildCommands, installChart, openRole, type RoleProcess } from '../rig/installation.ts'
import { start, until } from '../rig/process.ts'
import { requestJson } from '../rig/request-json.ts'
import { toolPath } from '../rig/tool-paths.ts'

const namespace = 'sallyport-system'
const dayMs = 86_400_000
let plane: ControlPlane
let webhook: RoleProcess
let controller: RoleProcess
let ports: Readonly<Record<'admission' | 'stream' | 'metrics' | 'webhookMetrics', number>>

beforeAll(async () => {
  buildCommands()
  plane = await startControlPlane()
  const [admission = 0, stream = 0, metrics = 0, webhookMetrics = 0] = await freePorts(4)
  ports = { admission, stream, metrics, webhookMetrics }
  await installChart(plane, ports)
  controller = await openRole(plane, 'sallyport-controller', metrics, [
    `--stream-address=127.0.0.1:${stream}`,
    `--data-dir=${join(plane.dir, 'controller')}`,
    `--opa=${toolPath('opa')}`,
    '--check-pod-address=false',
  ])
  webhook = await openRole(plane, 'sallyport-webhook', webhookMetrics, [`--admission-address=127.0.0.1:${admission}`])
  await plane.mustKubectl(['create', 'namespace', 'agents'])
  await plane.mustKubectl(['label', 'namespace', 'agents', 'sallyport.dev/inject=enabled'])
})

afterEach(async () => {
  await Promise.all([webhook.stop('SIGKILL'), controller.stop('SIGKILL')])
})

afterAll(() => plane.stop())

const readiness = async (port: number): Promise<string> => {
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null)
  return answer ? answer.text() : 'no answer'
}
const metricsOf = async (port: number): Promise<string> => (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
const json = async <T>(...args: readonly string[]): Promise<T> =>
  JSON.parse(await plane.mustKubectl([...args, '-o', 'json'])) as T
const pod = (name: string, more: object = {}, metadata: object = {}): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'agents', ...metadata },
    spec: { serviceAccountName: 'app', containers: [{ name: 'app', image: 'app' }], ...more },
  })
const create = (manifest: string, ...flags: readonly string[]) =>
  plane.kubectl(['create', '-f', '-', ...flags], manifest)

describe('a webhook', () => {
  it('waits for the Secrets of the controller, says so, and is ready soon after they are there', async () => {
    const waiting = webhook.launch()
    const log = (): string => waiting.log()
    await until(() => log().includes('"msg":"waiting"'), 'the wait', { process: webhook.running() })
    expect(log()).toContain('the controller has not made it yet')
    const text = await readiness(ports.webhookMetrics)
    expect(text).toContain('not ok: the Secret sallyport-system/sallyport-keys')
    const made = ['secret/sallyport-keys', 'secret/sallyport-tls']
    const secrets = () => plane.mustKubectl(['get', 'secrets', '-n', namespace, '-o', 'name'])
    for (const name of made) expect(await secrets()).not.toContain(name)
    await controller.start()
    for (const name of made) expect(await secrets()).toContain(name)
    const sinceMs = performance.now()
    await until(() => webhook.isReady(), 'the webhook', { process: webhook.running() })
    console.log(`controller ready → webhook ready, ms: ${(performance.now() - sinceMs).toFixed(0)}`)
    expect(log()).toContain('what was waited for is there')
    expect((await create(pod('first'))).stderr).toBe('')
    const containers = await plane.mustKubectl([
      'get',
      'pod',
      'first',
      '-n',
      'agents',
      '-o',
      'jsonpath={.spec.initContainers[*].name}',
    ])
    expect(containers).toContain('sallyport')
    const metrics = await metricsOf(ports.webhookMetrics)
    expect(metrics).toMatch(/sallyport_certificate_expiry_seconds 77\d{5}/)
    expect(metrics).toContain('sallyport_admission_reviews_total{webhook="mutate-pods",result="injected"} 1')
  })

  it('publishes its images before it is ready, and keeps those of other versions', async () => {
    await controller.start()
    await plane.kubectl(['delete', 'configmap', 'sallyport-injection', '-n', namespace])
    const [otherMetrics = 0, otherAdmission = 0] = await freePorts(2)
    const other = await openRole(plane, 'sallyport-webhook', otherMetrics, [
      `--admission-address=127.0.0.1:${otherAdmission}`,
      '--sidecar-image=registry.example/sidecar:2',
    ])
    await Promise.all([webhook.start(), other.start()])
    const map = await json<{ data: Record<string, string> }>('get', 'configmap', 'sallyport-injection', '-n', namespace)
    expect(Object.values(map.data).sort()).toEqual([
      'ghcr.io/sallyport-dev/sallyport-redirect:0.1.0',
      'ghcr.io/sallyport-dev/sallyport-sidecar:0.1.0',
      'registry.example/sidecar:2',
    ])
    await other.stop()
  })

  it('tells of a refused pod on its owner, with the reason of the response, and not of a dry run', async () => {
    await Promise.all([controller.start(), webhook.start()])
    const deployment = await json<{ metadata: { uid: string } }>(
      'get',
      'deployment',
      'sallyport-webhook',
      '-n',
      namespace,
    )
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'report-5d8', uid: deployment.metadata.uid }
    const owned = { name: undefined, generateName: 'report-5d8-', ownerReferences: [{ ...owner, controller: true }] }
    const refused = await create(pod('', { hostNetwork: true }, owned))
    expect(refused.stderr).toContain('host-network: spec.hostNetwork')
    expect((await create(pod('dry', { hostNetwork: true }), '--dry-run=server')).stderr).toContain('host-network')
    expect((await create(pod('alone', { hostNetwork: true }))).code).toBe(1)
    interface Events {
      readonly items: readonly { readonly reason: string; readonly note: string; readonly regarding: object }[]
    }
    const events = async () => {
      const { items } = await json<Events>('get', 'events.events.k8s.io', '-n', 'agents')
      return items.filter(({ reason }) => reason === 'InjectionRefused')
    }
    await until(async () => (await events()).length === 2, 'the Events')
    const found = await events()
    expect(found.map(({ regarding }) => regarding)).toEqual(
      expect.arrayContaining([
        { ...owner, namespace: 'agents' },
        { apiVersion: 'v1', kind: 'Pod', name: 'alone', namespace: 'agents' },
      ]),
    )
    for (const { note } of found) expect(note).toMatch(/^host-network: spec\.hostNetwork/)
    expect(await metricsOf(ports.webhookMetrics)).toContain('{webhook="mutate-pods",result="host-network"} 3')
  })

  it('answers until its drain is over, on connections that are open too, and sends them elsewhere', async () => {
    await Promise.all([controller.start(), webhook.start('--drain-seconds=3')])
    const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false })
    const review = () => askReview(ports.admission, agent)
    expect((await review()).connection).toBe('keep-alive')
    const stopped = webhook.stop('SIGTERM')
    await until(async () => (await readiness(ports.webhookMetrics)).includes('shutting down'), 'the end of readiness')
    const startedMs = performance.now()
    const answers: string[] = []
    let pods = 0
    while (performance.now() - startedMs < 2000) {
      answers.push((await review()).connection)
      expect((await create(pod(`drained-${pods}`))).stderr).toBe('')
      pods += 1
    }
    expect(new Set(answers)).toEqual(new Set(['close']))
    await stopped
    expect(webhook.running().child.exitCode).toBe(0)
    await expect(review()).rejects.toThrow('ECONNREFUSED')
    agent.destroy()
  })

  it('ends at once where it has not started', async () => {
    await plane.mustKubectl(['delete', 'secret', 'sallyport-keys', '-n', namespace])
    webhook.launch('--drain-seconds=60')
    await until(() => webhook.running().log().includes('"msg":"waiting"'), 'the wait', { process: webhook.running() })
    await webhook.stop('SIGTERM')
    expect(webhook.running().child.exitCode).toBe(0)
  })
})

describe('a certificate', () => {
  const keep = async (data: Readonly<Record<string, string>>): Promise<void> => {
    await plane.kubectl(['delete', 'secret', 'sallyport-tls', '-n', namespace])
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'sallyport-tls', namespace },
      stringData: data,
    }
    await plane.mustKubectl(['create', '-f', '-'], JSON.stringify(secret))
  }
  const names = ['sallyport-webhook.sallyport-system.svc', '127.0.0.1']
  const bundles = async (): Promise<readonly string[]> => {
    interface Configuration {
      readonly webhooks: readonly { readonly clientConfig: { readonly caBundle?: string } }[]
    }
    const found = await Promise.all(
      ['mutating', 'validating'].map((kind) => json<Configuration>('get', `${kind}webhookconfiguration`, 'sallyport')),
    )
    return found.flatMap(({ webhooks }) => webhooks.map(({ clientConfig }) => Buffer.from(clientConfig.caBundle ?? '', 'base64').toString())) // prettier-ignore
  }
  const served = (): Promise<string> => serialOf(ports.admission)

  it('from a Secret is waited for until it is whole and good for every name, published, and followed', async () => {
    const source = '--certificate-source=secret'
    const authority = await issueAuthority('given', Date.now(), 30 * dayMs)
    const incomplete = await issueServing(authority, ['127.0.0.1'], Date.now(), dayMs)
    await keep({ 'tls.crt': incomplete.cert, 'tls.key': incomplete.key })
    const running = [controller.launch(source), webhook.launch(source)]
    for (const role of running) await until(() => role.log().includes('has no ca.crt'), 'the missing key')
    await keep({ 'tls.crt': incomplete.cert, 'tls.key': incomplete.key, 'ca.crt': authority.cert })
    const missing = 'is not good for sallyport-webhook.sallyport-system.svc'
    for (const role of running) await until(() => role.log().includes(missing), 'the missing name')
    const whole = await issueServing(authority, names, Date.now(), dayMs)
    await keep({ 'tls.crt': whole.cert, 'tls.key': whole.key, 'ca.crt': authority.cert })
    await until(async () => (await controller.isReady()) && (await webhook.isReady()), 'both')
    expect(new Set(await bundles())).toEqual(new Set([authority.cert]))
    expect((await create(pod('given'))).stderr).toBe('')
    const before = await served()
    const renewed = await issueServing(authority, names, Date.now(), 2 * dayMs)
    await keep({ 'tls.crt': renewed.cert, 'tls.key': renewed.key, 'ca.crt': authority.cert })
    await until(async () => (await served()) !== before, 'the renewed certificate')
    expect((await create(pod('renewed'))).stderr).toBe('')
    const expiry = async (): Promise<number> => {
      const [line = ''] = /^sallyport_certificate_expiry_seconds .*/m.exec(await metricsOf(ports.metrics)) ?? []
      return Number(line.split(' ')[1])
    }
    await until(async () => (await expiry()) > 86_400, 'the end of the renewed certificate')
  })

  it('of cert-manager is ready when its cainjector has told the API server, and not told by us', async () => {
    const source = '--certificate-source=cert-manager'
    const authority = await issueAuthority('cert-manager', Date.now(), 30 * dayMs)
    const serving = await issueServing(authority, names, Date.now(), dayMs)
    await keep({ 'tls.crt': serving.cert, 'tls.key': serving.key, 'ca.crt': authority.cert })
    const before = await bundles()
    await controller.start(source)
    webhook.launch(source)
    const running = webhook.running()
    await until(() => running.log().includes('is of another authority'), 'the distrust', { process: running })
    await until(async () => (await readiness(ports.webhookMetrics)) === 'not ok: certificate authority published\n', 'all else') // prettier-ignore
    expect(await bundles()).toEqual(before)
    const caBundle = Buffer.from(authority.cert).toString('base64')
    for (const kind of ['mutating', 'validating']) {
      const { webhooks } = await json<{ webhooks: object[] }>('get', `${kind}webhookconfiguration`, 'sallyport')
      const patch = webhooks.map((_, index) => ({ op: 'replace', path: `/webhooks/${index}/clientConfig/caBundle`, value: caBundle })) // prettier-ignore
      await plane.mustKubectl(['patch', `${kind}webhookconfiguration/sallyport`, '--type=json', '-p', JSON.stringify(patch)]) // prettier-ignore
    }
    await until(() => webhook.isReady(), 'the webhook', { process: webhook.running() })
    expect((await create(pod('managed'))).stderr).toBe('')
  })
})

describe('a controller without a volume', () => {
  interface Segments {
    readonly items: readonly { readonly spec: SegmentSpec }[]
  }
  const sealed = async (source: string): Promise<readonly string[]> => {
    const { items } = await json<Segments>('get', 'auditsegments', '-n', namespace)
    const lines = items.flatMap(({ spec }) => {
      const opened = openSegment(spec)
      if (!opened.ok) throw new Error(opened.message)
      return opened.runs.filter((run) => run.source === source).flatMap((run) => run.lines)
    })
    // Each disk had a stream of segments of its own. A record that is there twice stays there twice.
    return lines.sort((a, b) => (parseRecord(a)?.seq ?? 0) - (parseRecord(b)?.seq ?? 0))
  }

  it('loses nothing acknowledged when it is killed and its disk with it, and seals everything when it is stopped', async () => {
    await plane.mustKubectl(['delete', 'secret', 'sallyport-tls', '-n', namespace])
    await plane.mustKubectl(['create', 'serviceaccount', 'report', '-n', 'agents'])
    await Promise.all([controller.start(), webhook.start()])
    expect((await create(pod('report', { serviceAccountName: 'report' }))).stderr).toBe('')
    const { metadata } = await json<{ metadata: { uid: string } }>('get', 'pod', 'report', '-n', 'agents')
    const token = (
      await plane.mustKubectl([
        'create',
        'token',
        'report',
        '--namespace=agents',
        '--audience=sallyport.dev',
        '--bound-object-kind=Pod',
        '--bound-object-name=report',
        `--bound-object-uid=${metadata.uid}`,
      ])
    ).trim()
    await controller.stop()
    const source = `${metadata.uid}/boot`
    const lines = chain(60)
    const post = async (
      from: number,
      to: number,
      afterSeq: number,
    ): Promise<AuditAck & { readonly status: number }> => {
      const body = { source, namespace: 'agents', pod: 'report', lines: lines.slice(from, to), afterSeq, awaited: true }
      const url = `https://127.0.0.1:${ports.stream}/v1/audit`
      const answer = await requestJson<AuditAck>(url, { method: 'POST', token, body })
      return { ...answer.body, status: answer.status }
    }
    let acknowledged = 0
    for (let disk = 1; disk <= 4; disk += 1) {
      const folder = join(plane.dir, `disk-${disk}`)
      mkdirSync(folder)
      await controller.start('--acknowledge=segment', `--data-dir=${folder}`)
      const accepted = acknowledged
      expect(await post(accepted, accepted + 5, acknowledged)).toMatchObject({ status: 200, acceptedSeq: accepted + 5 })
      await until(
        async () => (acknowledged = (await post(0, 0, acknowledged)).acknowledgedSeq) === accepted + 5,
        'sealed',
      )
      // Taken, and killed before anybody sealed it.
      const late = await post(acknowledged, acknowledged + 5, acknowledged)
      expect(late).toMatchObject({ status: 200, acceptedSeq: acknowledged + 5, acknowledgedSeq: acknowledged })
      await controller.stop('SIGKILL')
      rmSync(folder, { recursive: true })
      expect((await sealed(source)).slice(0, acknowledged)).toEqual(lines.slice(0, acknowledged))
    }
    await controller.start('--acknowledge=segment', `--data-dir=${join(plane.dir, 'disk-last')}`)
    // It runs ahead of what this controller has: a gap, and what is safe.
    expect(await post(acknowledged + 5, acknowledged + 9, acknowledged)).toMatchObject({ status: 409, acknowledgedSeq: acknowledged }) // prettier-ignore
    expect(await post(0, 60, acknowledged)).toMatchObject({ status: 200, acceptedSeq: 60 })
    await controller.stop('SIGTERM')
    expect(await sealed(source)).toEqual(lines)
    expect(verifyLines(lines, chainStart)).toMatchObject({ ok: true, last: { seq: 60 } })
  })
})

describe('an API server that is too old', () => {
  it('ends the process with what is needed', async () => {
    const authority = await issueAuthority('old', Date.now(), dayMs)
    const serving = await issueServing(authority, ['127.0.0.1'], Date.now(), dayMs)
    const server = createServer({ ...serving }, (_request, response) => {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ major: '1', minor: '28', gitVersion: 'v1.28.3' }))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const [caFile, tokenFile] = [join(plane.dir, 'old.crt'), join(plane.dir, 'old.token')]
    writeFileSync(caFile, authority.cert)
    writeFileSync(tokenFile, 'token')
    const main = join(import.meta.dirname, '../../cli/bin/sallyport-controller')
    const old = start(main, [
      `--server=https://127.0.0.1:${address.port}`,
      `--ca-file=${caFile}`,
      `--token-file=${tokenFile}`,
      '--metrics-address=127.0.0.1:0',
    ])
    await once(old.child, 'exit')
    expect(old.child.exitCode).toBe(1)
    expect(old.log()).toContain(
      'kubernetes-too-old: this is v1.28.3; Sallyport needs 1.30 or newer for ValidatingAdmissionPolicy (1.29 for native sidecars)',
    )
    server.close()
    server.closeAllConnections()
  })
})

function chain(count: number): readonly string[] {
  const lines: string[] = []
  let prev = chainStart.hash
  const event = { kind: 'Statement', phase: 'Intent', decision: 'Allow' }
  for (let seq = 1; seq <= count; seq += 1) {
    const record = sealRecord(prev, seq, Date.now(), event)
    lines.push(record.line)
    prev = record.hash
  }
  return lines
}

/** Asks the webhook as the API server does. */
async function askReview(port: number, agent: Agent): Promise<{ readonly connection: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ readonly connection: string }>()
  const headers = { 'content-type': 'application/json' }
  const sent = request(
    { port, host: '127.0.0.1', path: '/mutate-pods', method: 'POST', agent, headers },
    (response) => {
      response.resume()
      response.on('end', () => resolve({ connection: response.headers.connection ?? '' }))
      response.on('error', reject)
    },
  )
  sent.on('error', reject)
  const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { containers: [] } }
  const review = { uid: 'u', operation: 'CREATE', namespace: 'agents', userInfo: { username: 'u' }, object }
  sent.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request: review }))
  return promise
}

/** Serial number of the certificate that is served. */
async function serialOf(port: number): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { serialNumber } = socket.getPeerCertificate()
  socket.destroy()
  return serialNumber
}
