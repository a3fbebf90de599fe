import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DatabaseBinding, TlsMode } from '@sallyport/crds'
import { firstAuthority } from '../../sidecar/src/bundle/testing/certificates.ts'
import { probeLogin } from '../../sidecar/src/session/probe-login.ts'
import { testDatabase } from '../../sidecar/src/testing/test-listeners.ts'
import { freePort } from '../rig/free-port.ts'
import { startPostgres, type Postgres } from '../rig/postgres.ts'

/** Databases of one server, and how pg_hba.conf has strangers log in. */
const ways = { scram: 'scram-sha-256', md5: 'md5', clear: 'password', refused: 'reject', trusted: 'trust' } as const

let plain: Postgres
let encrypted: Postgres

beforeAll(async () => {
  const hba = Object.entries(ways).map(([database, method]) => `host ${database} all 127.0.0.1/32 ${method}`)
  const tls = { cert: firstAuthority.cert, key: firstAuthority.key }
  const servers = [
    startPostgres({ hba }),
    startPostgres({ tls, hba: ['hostssl scram all 127.0.0.1/32 scram-sha-256'] }),
  ]
  ;[plain, encrypted] = (await Promise.all(servers)) as [Postgres, Postgres]
  for (const database of Object.keys(ways)) await plain.sql(`CREATE DATABASE ${database}`)
}, 120_000)

afterAll(async () => {
  await plain.stop()
  await encrypted.stop()
})

function ask(port: number, database: string, mode: TlsMode = 'Disable'): ReturnType<typeof probeLogin> {
  const credentials = { username: 'postgres', password: 'never-sent' }
  const binding: DatabaseBinding = { ...testDatabase('db', 0, port), databases: [database], tls: { mode }, credentials }
  return probeLogin({ binding, useHostsFile: false, connectTimeoutMs: 5000, signal: AbortSignal.timeout(10_000) })
}

describe('the direct way to a PostgreSQL', () => {
  it.each(['scram', 'md5', 'clear', 'refused'])('ends at a login: %s', async (database) => {
    expect(await ask(plain.port, database)).toEqual({ kind: 'LoginRequired' })
  })

  it('is open where the server trusts everybody, though there be no such user', async () => {
    expect(await ask(plain.port, 'trusted')).toEqual({ kind: 'OpenToAll' })
  })

  it('is tried encrypted where the Database says so, whoever the server is', async () => {
    expect(await ask(encrypted.port, 'scram', 'VerifyFull')).toEqual({ kind: 'LoginRequired' })
  })

  it('is tried in clear where the server has no TLS', async () => {
    expect(await ask(plain.port, 'trusted', 'VerifyFull')).toEqual({ kind: 'OpenToAll' })
  })

  it('may lead to nobody', async () => {
    expect(await ask(await freePort(), 'scram')).toMatchObject({
      kind: 'Failed',
      detail: expect.stringContaining('ECONNREFUSED') as unknown,
    })
  })

  it('tells the server nothing of the Database', () => {
    expect(plain.log()).not.toMatch(/never-sent|"postgres"/)
  })
})
