import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { testGrant } from '../../sidecar/src/bundle/testing/test-controller.ts'
import { connectRaw } from '../../sidecar/src/testing/raw-client.ts'
import { openTestListeners, testDatabase, type TestListeners } from '../../sidecar/src/testing/test-listeners.ts'
import { freePort } from '../rig/free-port.ts'
import { startPostgres, type Postgres } from '../rig/postgres.ts'
import { until } from '../rig/process.ts'

let postgres: Postgres
let sidecar: TestListeners
let port = 0

beforeAll(async () => {
  postgres = await startPostgres()
  await postgres.sql("CREATE ROLE app LOGIN PASSWORD 'app'; CREATE SCHEMA evil; GRANT ALL ON SCHEMA evil TO app")
  port = await freePort()
  const credentials = { username: 'app', password: 'app' }
  const grants = [{ ...testGrant('one', Date.now() + 3_600_000), database: { namespace: 'agents', name: 'db' } }]
  sidecar = await openTestListeners(new Map(), [{ ...testDatabase('db', port, postgres.port), credentials }], {
    grants,
  })
}, 120_000)

afterAll(async () => {
  await sidecar.close()
  await postgres.stop()
})

type Parameters = readonly (readonly [name: string, value: string])[]

function packet(parameters: Parameters, major = 3, minor = 0): Buffer {
  const body = Buffer.from(`${parameters.map(([name, value]) => `${name}\0${value}\0`).join('')}\0`)
  const head = Buffer.alloc(8)
  head.writeUInt32BE(body.length + 8)
  head.writeUInt16BE(major, 4)
  head.writeUInt16BE(minor, 6)
  return Buffer.concat([head, body])
}

/** Everything that came until the server waits for a query, or closed. */
async function said(bytes: Buffer): Promise<string> {
  const client = await connectRaw(port)
  let isClosed = false
  void client.closed().then(() => (isClosed = true))
  client.socket.write(bytes)
  await until(() => isClosed || client.text().endsWith('Z\0\0\0\x05I'), 'an answer')
  const text = client.text()
  client.socket.destroy()
  return text
}

/** `welcome`, or SQLSTATE and reason of the FATAL. */
async function login(parameters: Parameters): Promise<string> {
  const text = await said(packet([['user', 'agent'], ...parameters]))
  if (text.startsWith('R\0\0\0\x08\0\0\0\0')) return 'welcome'
  const [, sqlstate = '', reason = ''] = /VFATAL\0C(\w{5})\0.*reason=([\w-]+)/s.exec(text) ?? []
  return `${sqlstate} ${reason}`
}

describe('the version of the protocol', () => {
  it.each<[string, number, number]>([
    ['3.0', 0, 4],
    ['3.1, which never was', 1, 4],
    ['3.2', 2, 32],
  ])('is spoken as asked for: %s', async (_what, minor, keyBytes) => {
    const text = await said(packet([['user', 'agent']], 3, minor))
    expect(text.startsWith('R\0\0\0\x08\0\0\0\0')).toBe(true)
    expect(text).toContain(`K\0\0\0${String.fromCharCode(8 + keyBytes)}`)
  })

  it('is negotiated once, together with the options nobody knows', async () => {
    const text = await said(packet([['user', 'agent'], ['_pq_.test_protocol_negotiation', 'x'], ['_pq_.b', 'y']], 3, 9999)) // prettier-ignore
    const names = '_pq_.test_protocol_negotiation\0_pq_.b\0'
    const length = String.fromCharCode(12 + names.length)
    expect(text.startsWith(`v\0\0\0${length}\0\x03\0\x02\0\0\0\x02${names}R\0\0\0\x08\0\0\0\0`)).toBe(true)
    expect(text.split('_pq_.b')).toHaveLength(2)
  })

  it('is not lowered for an option alone', async () => {
    const text = await said(packet([['user', 'agent'], ['_pq_.a', 'x']])) // prettier-ignore
    expect(text.startsWith('v\0\0\0\x13\0\x03\0\0\0\0\0\x01_pq_.a\0R')).toBe(true)
  })

  it.each([
    [2, 0],
    [4, 0],
    [1234, 1],
  ])('is refused in words: %i.%i', async (major, minor) => {
    const text = await said(packet([['user', 'agent']], major, minor))
    expect(text).toContain('VFATAL\0C08P01\0Msallyport: only version 3 of the PostgreSQL protocol is spoken\0')
    expect(text).toContain('object=unsupported-version')
  })
})

describe('a start-up message', () => {
  it.each<[string, Parameters]>([
    ['no settings', []],
    [
      'what psql sends',
      [
        ['application_name', 'psql'],
        ['client_encoding', 'UTF8'],
      ],
    ],
    [
      'what pgjdbc sends',
      [
        ['client_encoding', 'UTF8'],
        ['DateStyle', 'ISO'],
        ['TimeZone', 'Europe/Berlin'],
        ['extra_float_digits', '3'],
        ['application_name', 'app'],
      ],
    ],
    [
      'settings in options',
      [['options', '-c TimeZone=UTC -cDateStyle=German --extra-float-digits=1 -c application_name=a\\ b']],
    ],
    ['a replication that is not meant', [['replication', 'false']]],
    ['a database that is listed', [['database', 'postgres']]],
  ])('is welcome with %s', async (_what, parameters) => {
    expect(await login(parameters)).toBe('welcome')
  })

  const settings: readonly (readonly [name: string, value: string])[] = [
    ['search_path', 'evil'],
    ['role', 'postgres'],
    ['session_authorization', 'postgres'],
    ['row_security', 'off'],
    ['session_replication_role', 'replica'],
    ['default_transaction_read_only', 'off'],
    ['standard_conforming_strings', 'off'],
    ['client_encoding', 'LATIN1'],
    ['local_preload_libraries', 'x'],
    ['log_statement', 'none'],
    ['Search_Path', 'evil'],
    ['my.own', '1'],
  ]
  const ways: readonly (readonly [string, (name: string, value: string) => readonly [string, string]])[] = [
    ['by itself', (name, value) => [name, value]],
    ['-c', (name, value) => ['options', `-c ${name}=${value}`]],
    ['-c without a blank', (name, value) => ['options', `-c TimeZone=UTC -c${name}=${value}`]],
    ['--', (name, value) => ['options', `--${name.replaceAll('_', '-')}=${value}`]],
    ['escaped', (name, value) => ['options', `-c ${name.replace(/^./, '\\$&')}=${value}`]],
  ]
  it.each(
    settings.flatMap(([name, value]) => ways.map(([way, make]) => [name, value, way, make(name, value)] as const)),
  )('is refused with a setting that is not on the list: %s=%s (%s)', async (_name, _value, _way, parameter) => {
    expect(await login([parameter])).toMatch(/^\w{5} (setting-not-listed|role-switch|transaction-mode)$/)
  })

  it.each<[string, Parameters, string]>([
    [
      'a setting that a later one hides',
      [['options', '-c search_path=evil -c search_path=public']],
      '42501 setting-not-listed',
    ],
    ['an option that is no setting', [['options', '-d 5']], '08P01 protocol-violation'],
    ['replication', [['replication', 'true']], '0A000 unsupported-message'],
    ['replication of a database', [['replication', 'database']], '0A000 unsupported-message'],
    ['a database that is not listed', [['database', 'template1']], '3D000 database-not-listed'],
    ['a database without a name', [['database', '']], '3D000 database-not-listed'],
    [
      'a parameter that is given twice',
      [
        ['TimeZone', 'UTC'],
        ['TimeZone', 'UTC'],
      ],
      '08P01 protocol-violation',
    ],
    ['10,000 bytes', [['application_name', 'x'.repeat(10_000)]], '08P01 protocol-violation'],
  ])('is refused with %s', async (_what, parameters, expected) => {
    expect(await login(parameters)).toBe(expected)
  })

  it('is answered with what the server says of itself', async () => {
    const text = await said(packet([['user', 'agent'], ['TimeZone', 'UTC'], ['options', '-c TimeZone=Asia/Tokyo -c DateStyle=German']])) // prettier-ignore
    expect(text).toContain('TimeZone\0UTC\0')
    expect(text).toContain('DateStyle\0German, DMY\0')
    expect(text).toContain('standard_conforming_strings\0on\0')
  })
})
