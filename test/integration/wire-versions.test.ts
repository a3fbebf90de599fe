import { X509Certificate } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DatabaseBinding } from '@sallyport/crds'
import { firstAuthority, secondAuthority } from '../../sidecar/src/bundle/testing/certificates.ts'
import { testGrant } from '../../sidecar/src/bundle/testing/test-controller.ts'
import { tlsServerEndPoint } from '../../sidecar/src/credentials/upstream-tls.ts'
import { openTestListeners, testDatabase, type TestListeners } from '../../sidecar/src/testing/test-listeners.ts'
import { cancelRequest } from '../corpus/wire-client.ts'
import { freePorts } from '../rig/free-port.ts'
import { postgresVersions, startPostgres, type Postgres } from '../rig/postgres.ts'
import { until } from '../rig/process.ts'
import { issueCertificate, type SignatureKind } from '../rig/signed-certificate.ts'
import { openTalk, talk, type TalkTarget } from '../rig/wire-talk.ts'
import { exchanges, queryForSync, queryInCopy } from '../rig/wire-exchanges.ts'

/** Spaces, marks and what SASLprep maps: server and sidecar must prepare it alike. */
const oddPassword = 'p\u00a0\u00ad\u2168 e\u0301'
const tls = { mode: 'VerifyFull', ca: firstAuthority.ca } as const

interface Login {
  readonly username: string
  readonly password: string
  readonly tls: DatabaseBinding['tls']
}

/** How a Database is logged in to, by its name. */
const logins = {
  plain: { username: 'app', password: 'app', tls: { mode: 'Disable' } },
  bound: { username: 'app', password: 'app', tls },
  odd: { username: 'odd', password: oddPassword, tls },
  md5: { username: 'old', password: 'old', tls: { mode: 'Disable' } },
  clear: { username: 'clear', password: 'clear', tls },
  'clear-unverified': { username: 'clear', password: 'clear', tls: { mode: 'Require' } },
  stranger: { username: 'app', password: 'app', tls: { mode: 'VerifyFull', ca: secondAuthority.ca } },
  wrong: { username: 'app', password: 'not-it', tls },
} as const satisfies Record<string, Login>
type Name = keyof typeof logins

const hba = [
  'host all old 127.0.0.1/32 md5',
  'hostssl all clear 127.0.0.1/32 password',
  'host all all 127.0.0.1/32 scram-sha-256',
]
const schema = `
  SET password_encryption = 'md5'; CREATE ROLE old LOGIN PASSWORD 'old';
  SET password_encryption = 'scram-sha-256';
  CREATE ROLE app LOGIN PASSWORD 'app'; CREATE ROLE clear LOGIN PASSWORD 'clear';
  CREATE ROLE odd LOGIN PASSWORD '${oddPassword}';
  CREATE TABLE item (id int PRIMARY KEY, name text);
  CREATE TABLE part (id int PRIMARY KEY, item int REFERENCES item DEFERRABLE INITIALLY DEFERRED);
  GRANT ALL ON item, part TO app`

describe.each(postgresVersions)('PostgreSQL %s', (version) => {
  let postgres: Postgres
  let sidecar: TestListeners
  const ports = new Map<Name, number>()

  beforeAll(async () => {
    postgres = await startPostgres({ version, hba, tls: firstAuthority })
    await postgres.sql(schema)
    const names = Object.keys(logins) as Name[]
    for (const [index, port] of (await freePorts(names.length)).entries()) ports.set(names[index] ?? 'plain', port)
    const databases = names.map((name): DatabaseBinding => {
      const { username, password, tls } = logins[name]
      return { ...testDatabase(name, portOf(name), postgres.port), credentials: { username, password }, tls }
    })
    const grants = names.map((name) => ({
      ...testGrant(name, Date.now() + 3_600_000),
      database: { namespace: 'agents', name },
      permissions: [
        { operations: ['Select', 'Insert', 'Update', 'Delete', 'CopyIn', 'CopyOut'] as const, relations: ['public.*'] },
      ],
      functions: ['pg_catalog.pg_sleep', 'pg_catalog.repeat'],
    }))
    sidecar = await openTestListeners(new Map(), databases, { grants })
  }, 120_000)

  afterAll(async () => {
    await sidecar.close()
    await postgres.stop()
  })

  function portOf(name: Name): number {
    return ports.get(name) ?? 0
  }

  function through(name: Name = 'plain'): TalkTarget {
    return { address: { host: '127.0.0.1', port: portOf(name) }, user: 'agent', database: 'postgres' }
  }

  function direct(): TalkTarget {
    return { address: { path: `${postgres.socketDir}/.s.PGSQL.${postgres.port}` }, user: 'app', database: 'postgres' }
  }

  async function refill(): Promise<void> {
    await postgres.sql(`TRUNCATE item, part; INSERT INTO item SELECT n, 'n' || n FROM generate_series(1, 5) AS n`)
  }

  /** What the server says of its own session. */
  async function session(name: Name): Promise<pg.Client> {
    const client = new pg.Client({ host: '127.0.0.1', port: portOf(name), database: 'postgres', user: 'agent' })
    client.on('error', () => undefined)
    await client.connect()
    return client
  }

  it('tells its own version', async () => {
    const client = await openTalk(through())
    const said = client.messages.filter(({ tag }) => tag === 'S').map(({ body }) => body.toString().split('\0'))
    expect(Object.fromEntries(said)).toMatchObject({
      server_version: expect.stringMatching(`^${version}\\.`) as unknown,
    })
    client.close()
  })

  it.each(exchanges)('answers as it does without a sidecar: $name', async ({ steps }) => {
    await refill()
    const expected = await talk(direct(), steps)
    const left = await postgres.sql('TABLE item; TABLE part')
    await refill()
    expect(await talk(through(), steps)).toEqual(expected)
    expect(await postgres.sql('TABLE item; TABLE part')).toBe(left)
  })

  it('ends a segment at a Query as at a Sync, which PostgreSQL 18 itself does not (ADR 4)', async () => {
    await refill()
    const expected = await talk(direct(), queryForSync)
    expect(expected.at(-2)).toBe(version === '18' ? 'Z "T"' : 'Z "I"')
    await refill()
    expect(await talk(through(), queryForSync)).toEqual(expected.with(-2, 'Z "I"'))
  })

  it('ends the session at a Query in the middle of COPY, which PostgreSQL 13 itself does not', async () => {
    await refill()
    expect((await talk(direct(), queryInCopy)).at(-1)).toBe(version === '13' ? 'Z "I"' : 'closed')
    const [, error, end] = await talk(through(), queryInCopy)
    expect(error).toMatch(/^E .*"V":"FATAL","C":"08P01".*Query in COPY/)
    expect(end).toBe('closed')
    expect(await postgres.sql('SELECT count(*) FROM item')).toBe('5')
  })

  it('passes on what the server says of its settings without being asked', async () => {
    const clients = [await openTalk(direct(), { client_encoding: 'UTF8' }), await openTalk(through())]
    await postgres.sql("ALTER SYSTEM SET timezone = 'Asia/Tokyo'; SELECT pg_reload_conf()")
    const heard: (readonly string[])[] = []
    for (const client of clients) {
      const said = (): readonly string[] =>
        client.messages.slice(client.before.login).flatMap(({ tag, body }) => (tag === 'S' ? [body.toString()] : []))
      // An idle server reads its configuration when it is next spoken to.
      await until(async () => {
        await client.query('')
        return said().includes('TimeZone\0Asia/Tokyo\0')
      }, 'the message')
      heard.push(said())
      client.close()
    }
    expect(heard[1]).toEqual(heard[0])
    await postgres.sql('ALTER SYSTEM RESET timezone; SELECT pg_reload_conf()')
  })

  it.each<Name>(['plain', 'bound', 'odd', 'md5', 'clear'])('is logged in to: %s', async (name) => {
    const client = await session(name)
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    await client.end()
    const { username } = logins[name]
    const encrypted = logins[name].tls.mode === 'Disable' ? 'f' : 't'
    const seen = `SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = '${username}'`
    const other = await session(name)
    expect(await postgres.sql(seen)).toBe(encrypted)
    await other.end()
  })

  it.each<[Name, string]>([
    ['clear-unverified', 'a clear password to whoever answers'],
    ['stranger', 'a certificate by another authority'],
    ['wrong', 'another password'],
  ])('is not logged in to: %s (%s)', async (name) => {
    await expect(session(name)).rejects.toMatchObject({ code: '57P03' })
  })

  it.each<[SignatureKind, boolean]>([
    ['ECDSA-SHA384', true],
    ['RSA-SHA512', true],
    ['Ed25519', false],
    ['RSA-PSS-SHA256', false],
  ])('is logged in to by SCRAM where its certificate is signed with %s; bound: %s', async (kind, isBound) => {
    const certificate = await issueCertificate(kind)
    await postgres.useCertificate(certificate)
    expect(tlsServerEndPoint(new X509Certificate(certificate.cert)) !== null).toBe(isBound)
    sidecar.swap(
      (sidecar.store.current()?.databases ?? []).map((database) =>
        database.name === 'bound' ? { ...database, tls: { mode: 'VerifyFull', ca: certificate.cert } } : database,
      ),
    )
    const client = await session('bound')
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    await client.end()
  })

  describe('a cancel request', () => {
    /** Resolves when the server runs it. */
    async function sleeping(): Promise<void> {
      const seen = `SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(60%'
        AND wait_event = 'PgSleep'`
      await until(async () => (await postgres.sql(seen)) === '1', 'the statement')
    }

    it.each<Name>(['plain', 'bound'])('ends what runs, and nothing that comes after: %s', async (name) => {
      const client = await openTalk(through(name))
      const key = client.key ?? { processId: 0, secret: Buffer.alloc(0) }
      const { address } = through(name)
      for (let round = 0; round < 3; round += 1) {
        const before = client.messages.length
        client.send('Q', Buffer.from('SELECT pg_sleep(60)\0'))
        await sleeping()
        const cancelled = cancelRequest(address, key)
        client.send('Q', Buffer.from('SELECT 1\0'))
        await client.untilReady()
        await client.untilReady()
        await cancelled
        expect(client.messages.slice(before).map(({ tag }) => tag)).toEqual(['T', 'E', 'Z', 'T', 'D', 'C', 'Z'])
        expect(client.messages[before + 1]?.body.toString()).toContain('57014')
      }
      client.close()
    })

    it('does nothing to a session that is idle, or with a key that is wrong', async () => {
      const client = await openTalk(through())
      const key = client.key ?? { processId: 0, secret: Buffer.alloc(0) }
      await cancelRequest(through().address, key)
      await client.query('SELECT 1')
      client.send('Q', Buffer.from('SELECT pg_sleep(60)\0'))
      await sleeping()
      const wrong = Buffer.from(key.secret.map((byte) => byte ^ 1))
      await cancelRequest(through().address, { ...key, secret: wrong })
      expect(await postgres.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")).toBe('1')
      await cancelRequest(through().address, key)
      await client.untilReady()
      expect(client.messages.filter(({ tag }) => tag === 'E')).toHaveLength(1)
      client.close()
    })
  })
})
