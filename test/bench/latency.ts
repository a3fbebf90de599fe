import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { until } from '../rig/process.ts'
import { requestJson } from '../rig/request-json.ts'
import { grantSubject, type Scene } from '../rig/scene.ts'
import { describeMs } from './statistics.ts'

const group = '/apis/sallyport.dev/v1alpha1/namespaces/agents/accessgrants'
const permissions = [{ operations: ['Select'], relations: ['public.pgbench_accounts'] }]

/** apply → a statement is allowed; delete → the session is dead; expiry with the controller dead; webhooks. */
export async function latencies(scene: Scene, print: (line: string) => void): Promise<void> {
  const [applied, revoked]: [number[], number[]] = [[], []]
  for (let n = 0; n < 120; n += 1) {
    const { appliedMs, revokedMs } = await grantAndRevoke(scene, `g${n}`)
    applied.push(appliedMs)
    revoked.push(revokedMs)
  }
  print(`apply -> first statement allowed   ${describeMs(applied)}`)
  print(`delete -> session dead             ${describeMs(revoked)}`)
  print(`review of a pod (dry run, whole)   ${describeMs(await podReviews(scene), 1)}`)
  print(`expiry, controller killed          ${describeMs(await expiries(scene), 1)} after expiresAt`)
}

async function call(scene: Scene, method: string, path: string, body?: object): Promise<Record<string, unknown>> {
  const { url, adminToken } = scene.plane
  const answer = await requestJson<Record<string, unknown>>(`${url}${path}`, { method, token: adminToken, body })
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
  return answer.body
}

function createGrant(scene: Scene, name: string, duration: string): Promise<Record<string, unknown>> {
  const body = {
    apiVersion: 'sallyport.dev/v1alpha1',
    kind: 'AccessGrant',
    metadata: { name },
    spec: { ...grantSubject, duration, permissions },
  }
  return call(scene, 'POST', group, body)
}

function newClient(scene: Scene): pg.Client {
  const client = new pg.Client({ host: '127.0.0.1', port: scene.localPort, database: 'postgres', user: 'agent' })
  client.on('error', () => undefined)
  return client
}

function endOf(client: pg.Client): Promise<void> {
  return new Promise((resolve) => {
    client.once('end', () => resolve())
  })
}

/** Connects as soon as it is let in. */
async function connect(scene: Scene): Promise<pg.Client> {
  const deadline = performance.now() + 30_000
  for (;;) {
    const client = newClient(scene)
    try {
      await client.connect()
      await client.query('SELECT abalance FROM pgbench_accounts WHERE aid = 1')
      return client
    } catch (cause) {
      if (performance.now() > deadline) throw cause
      await client.end().catch(() => undefined)
      await delay(1)
    }
  }
}

async function grantAndRevoke(scene: Scene, name: string): Promise<{ appliedMs: number; revokedMs: number }> {
  const startedMs = performance.now()
  await createGrant(scene, name, '30m')
  const client = await connect(scene)
  const appliedMs = performance.now() - startedMs
  const dead = endOf(client)
  const deletedMs = performance.now()
  await call(scene, 'DELETE', `${group}/${name}`)
  await dead
  return { appliedMs, revokedMs: performance.now() - deletedMs }
}

async function podReviews(scene: Scene): Promise<readonly number[]> {
  const samples: number[] = []
  for (let n = 0; n < 200; n += 1) {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `p${n}` },
      spec: { serviceAccountName: 'agent', containers: [{ name: 'app', image: 'app' }] },
    }
    const startedMs = performance.now()
    await call(scene, 'POST', '/api/v1/namespaces/agents/pods?dryRun=All', pod)
    samples.push(performance.now() - startedMs)
  }
  return samples
}

/** Ten sessions at a time; the controller is dead when their grants end. */
async function expiries(scene: Scene): Promise<readonly number[]> {
  const samples: number[] = []
  for (let round = 0; round < 10; round += 1) {
    const name = `short-${round}`
    await createGrant(scene, name, '4s')
    const expiresAt = await readExpiry(scene, name)
    const ends = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const client = await connect(scene)
        return { at: endOf(client).then(() => Date.now()) }
      }),
    )
    await scene.installation.stopController('SIGKILL')
    for (const { at } of ends) samples.push((await at) - expiresAt)
    await scene.installation.startController()
    // A sidecar that lost its controller comes back in its own time, up to ten seconds.
    await until(() => isConnected(scene), 'the sidecar to be connected again')
  }
  return samples
}

async function isConnected({ installation }: Scene): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${installation.metricsPort}/metrics`)
  return /^sallyport_sidecar_streams [1-9]/m.test(await response.text())
}

async function readExpiry(scene: Scene, name: string): Promise<number> {
  let expiresAt = Number.NaN
  await until(async () => {
    const grant = await call(scene, 'GET', `${group}/${name}`)
    const { status } = grant as { status?: { expiresAt?: string } }
    expiresAt = Date.parse(status?.expiresAt ?? '')
    return !Number.isNaN(expiresAt)
  }, 'expiresAt')
  return expiresAt
}
