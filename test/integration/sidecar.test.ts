import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePorts } from '../rig/free-port.ts'
import { until } from '../rig/process.ts'
import { grantSubject, openScene, type Scene } from '../rig/scene.ts'

let scene: Scene
const ports: Record<string, number> = {}
const permissions = [{ operations: ['Select', 'Update'], relations: ['public.*'], maxAffectedRows: 2 }]

beforeAll(async () => {
  scene = await openScene({
    sql: `CREATE TABLE people (id int PRIMARY KEY, name text, email text);
      INSERT INTO people SELECT n, 'n' || n, 'e' || n || '@example.com' FROM generate_series(1, 50) AS n;
      GRANT SELECT, UPDATE ON people TO app`,
    database: { sensitive: [{ columns: ['public.people.email'], mask: 'Redact' }] },
  })
  await scene.grant('main', { duration: '1h', permissions, limits: { rowsPerStatement: 10 } })
  const names = ['unreachable', 'wrong-password', 'no-tls']
  for (const [index, port] of (await freePorts(4)).entries()) ports[names[index] ?? 'closed'] = port
  await scene.apply({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'wrong' },
    stringData: { username: 'app', password: 'not-the-password' },
  })
  await broken('unreachable', { port: ports.closed, tls: { mode: 'Disable' } })
  await broken('wrong-password', {
    credentials: { static: { secretRef: { name: 'wrong' } } },
    tls: { mode: 'Disable' },
  })
  await broken('no-tls', { tls: { mode: 'VerifyFull' } })
})

afterAll(() => scene.stop())

/** A Database that cannot be used, with a grant on it. */
async function broken(name: string, spec: object): Promise<void> {
  await scene.apply({
    kind: 'Database',
    metadata: { name },
    spec: {
      engine: 'PostgreSQL',
      host: '127.0.0.1',
      port: scene.postgres.port,
      localPort: ports[name],
      databases: ['postgres'],
      credentials: { static: { secretRef: { name: 'login' } } },
      ...spec,
    },
  })
  await scene.apply({
    kind: 'AccessGrant',
    metadata: { name },
    spec: { ...grantSubject, databaseRef: { name }, duration: '1h', permissions },
  })
  await scene.plane.mustKubectl(['wait', '-n', 'agents', '--for=condition=Active', `accessgrant/${name}`, '--timeout=20s']) // prettier-ignore
}

async function session(port = scene.localPort): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port, database: 'postgres', user: 'agent' })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

/** The first error of a login. */
async function loginError(port: number): Promise<{ readonly code?: string; readonly message: string }> {
  let error: unknown = null
  await until(async () => {
    error = await session(port).then(
      (client) => client.end(),
      (cause: unknown) => cause,
    )
    // The sidecar listens a moment after the grant is active, and denies until it knows of it.
    return error instanceof Error && !/ECONNREFUSED|no active AccessGrant/.test(error.message)
  }, 'an answer')
  if (!(error instanceof Error)) throw new Error('the login succeeded')
  return { message: error.message, ...('code' in error ? { code: String(error.code) } : {}) }
}

describe('a Database that cannot be used', () => {
  it.each(['unreachable', 'wrong-password', 'no-tls'])('is one FATAL at login, and a condition: %s', async (name) => {
    const { message } = await loginError(ports[name] ?? 0)
    expect(message).toMatch(/^sallyport: /)
    expect(message).not.toContain('not-the-password')
    expect(message).not.toContain(String(scene.postgres.port))
    await until(async () => {
      const path = 'jsonpath={.status.conditions[?(@.type=="Reachable")].status}'
      return (await scene.plane.mustKubectl(['get', 'database', name, '-n', 'agents', '-o', path])) === 'False'
    }, 'the condition')
  })

  it('does not touch the others', async () => {
    const client = await session()
    expect((await client.query('SELECT count(*) FROM people')).rows).toEqual([{ count: '50' }])
    await client.end()
  })
})

describe('bytes that are no protocol', () => {
  it.each<[string, Buffer]>([
    ['a length of 4 GB', Buffer.from([0x51, 0xff, 0xff, 0xff, 0xff])],
    ['an unknown message', Buffer.from([0x7a, 0, 0, 0, 4])],
  ])('end that session with 08P01 and no other: %s', async (_name, bytes) => {
    const other = await session()
    const answer = await raw(bytes)
    expect(answer).toContain('FATAL')
    expect(answer).toContain('08P01')
    expect((await other.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    await other.end()
  })
})

/** Logs in, sends the bytes and gives everything that came until the connection was closed. */
function raw(bytes: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(scene.localPort, '127.0.0.1')
    const body = Buffer.from('\0\x03\0\0user\0agent\0database\0postgres\0\0', 'latin1')
    const length = Buffer.alloc(4)
    length.writeInt32BE(body.length + 4)
    socket.write(Buffer.concat([length, body]))
    let text = ''
    let isIn = false
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (isIn || !text.includes('Z\0\0\0\x05I')) return
      isIn = true
      socket.write(bytes)
    })
    socket.on('close', () => resolve(text))
    socket.on('error', reject)
  })
}

describe('a session', () => {
  it('masks in text and binary, simple and extended', async () => {
    const client = await session()
    expect((await client.query('SELECT email FROM people WHERE id = 1')).rows).toEqual([{ email: '***' }])
    expect((await client.query('SELECT email FROM people WHERE id = $1', [1])).rows).toEqual([{ email: '***' }])
    const binary = { text: 'SELECT email FROM people WHERE id = $1', values: [1], binary: true }
    expect((await client.query<{ email: string }>(binary)).rows).toEqual([{ email: '***' }])
    await client.end()
  })

  it('gets rows up to the cap, then an error, and lives on', async () => {
    const client = await session()
    await expect(client.query('SELECT id FROM people')).rejects.toMatchObject({ code: '54000' })
    expect((await client.query('SELECT id FROM people WHERE id <= 10')).rowCount).toBe(10)
    await client.end()
  })

  it('never sees a write above its limit happen, in a transaction neither', async () => {
    const client = await session()
    await expect(client.query("UPDATE people SET name = 'x' WHERE id <= 3")).rejects.toMatchObject({ code: '54000' })
    await client.query('BEGIN')
    await client.query("UPDATE people SET name = 'x' WHERE id <= 2")
    await expect(client.query("UPDATE people SET name = 'x' WHERE id = 3")).rejects.toThrow(/more rows/)
    await client.query('ROLLBACK')
    expect(await scene.postgres.sql("SELECT count(*) FROM people WHERE name = 'x'")).toBe('0')
    await client.end()
  })

  it('denies one member of a batch and runs none of it', async () => {
    const client = await session()
    await expect(client.query("UPDATE people SET name = 'y' WHERE id = 1; DROP TABLE people")).rejects.toThrow(/schema/)
    expect(await scene.postgres.sql("SELECT count(*) FROM people WHERE name = 'y'")).toBe('0')
    await client.end()
  })
})

describe('the way around the sidecar', () => {
  it('is said to end at a login: in the metric, and on the pod', async () => {
    const mode = 'sallyport_seal{mode="Local",reason="LoginRequired"} 1'
    await until(async () => (await metrics()).includes(mode), 'the metric')
    const path = 'jsonpath={.status.conditions[?(@.type=="sallyport.dev/Sealed")]}'
    const condition = (): Promise<string> =>
      scene.plane.mustKubectl(['get', 'pod', 'agent', '-n', 'agents', '-o', path])
    await until(async () => /"reason":"LoginRequired"/.test(await condition()), 'the condition')
    expect(JSON.parse(await condition())).toMatchObject({ status: 'False' })
    expect(await condition()).toContain('agents/db')
  })

  it('is told from the way through it by whoever asks', async () => {
    expect(await ask(scene.localPort)).toBe('sallyport')
    expect(await ask(scene.postgres.port)).not.toContain('sallyport')
  })
})

/** Asks the probe's question and gives what is said until the other side closes. */
function ask(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    socket.write(Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x61, 0x62]))
    let text = ''
    socket.on('data', (chunk) => (text += chunk.toString('latin1')))
    socket.on('close', () => resolve(text))
    socket.on('error', reject)
  })
}

function metrics(): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port: scene.sidecar().healthPort, path: '/metrics' }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString()))
      response.on('end', () => resolve(text))
    })
    sent.on('error', reject)
    sent.end()
  })
}

describe('a sidecar that is told to end', () => {
  it('serves who is there and who comes, ends with 0 when they are gone, and leaves no record behind', async () => {
    const { process: sidecar, dir } = scene.sidecar()
    const [first, exited] = [await session(), once(sidecar.child, 'exit')]
    sidecar.child.kill('SIGTERM')
    await until(() => sidecar.log().includes('open connections are served'), 'the drain', { process: sidecar })
    expect((await first.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    const second = await session()
    await first.end()
    expect((await second.query('SELECT name FROM people WHERE id = 1')).rowCount).toBe(1)
    await second.end()
    expect(await exited).toEqual([0, null])
    expect(readdirSync(join(dir, 'sallyport-spool'))).toEqual([])
    await scene.restartSidecar()
  })

  it('ends sessions with 57P01 when their time is over, in mid-statement, too', async () => {
    await scene.sidecar().process.stop()
    await scene.restartSidecar(['--drain-seconds=1'])
    const { process: sidecar } = scene.sidecar()
    const [idle, busy] = [await session(), await session()]
    const told = new Promise((resolve) => idle.once('error', resolve))
    const running = busy.query('SELECT count(*) FROM people a, people b, people c, people d, people e')
    const refused = running.then(
      () => null,
      (cause: unknown) => cause,
    )
    await until(
      async () => (await scene.postgres.sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%people e%' AND state = 'active' AND usename = 'app'")) === '1', // prettier-ignore
      'the statement',
    )
    const exited = once(sidecar.child, 'exit')
    sidecar.child.kill('SIGTERM')
    expect(await told).toMatchObject({ code: '57P01', detail: 'reason=sidecar-stopped' })
    expect(await refused).toMatchObject({ code: '57P01', detail: 'reason=sidecar-stopped' })
    expect(await exited).toEqual([0, null])
    await until(
      async () => (await scene.postgres.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'app'")) === '0',
      'the end of its sessions on the server',
    )
    await scene.restartSidecar()
  })
})
