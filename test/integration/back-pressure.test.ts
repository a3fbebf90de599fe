import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { testGrant } from '../../sidecar/src/bundle/testing/test-controller.ts'
import { connectRaw, type RawClient } from '../../sidecar/src/testing/raw-client.ts'
import { openTestListeners, testDatabase, type TestListeners } from '../../sidecar/src/testing/test-listeners.ts'
import * as encode from '../../sidecar/src/wire/postgres/encode.ts'
import { freePort } from '../rig/free-port.ts'
import { startPostgres, type Postgres } from '../rig/postgres.ts'
import { until } from '../rig/process.ts'
import { startTcpGate, type TcpGate } from '../rig/tcp-gate.ts'

/** More than the kernel holds between two processes, by far. */
const manyBytes = 96 << 20
const pieceBytes = 192 << 10
const pieces = manyBytes / pieceBytes

let postgres: Postgres
let gate: TcpGate
let sidecar: TestListeners
let port = 0
let client: RawClient

beforeAll(async () => {
  postgres = await startPostgres()
  await postgres.sql("CREATE ROLE app LOGIN PASSWORD 'app'; CREATE TABLE item (name text); GRANT ALL ON item TO app")
  gate = await startTcpGate(postgres.port)
  port = await freePort()
  const credentials = { username: 'app', password: 'app' }
  const permissions = [{ operations: ['Select', 'Insert', 'CopyIn'] as const, relations: ['public.*'] }]
  const grant = { ...testGrant('one', Date.now() + 3_600_000), permissions, functions: ['pg_catalog.pg_sleep', 'pg_catalog.repeat'] } // prettier-ignore
  const grants = [{ ...grant, database: { namespace: 'agents', name: 'db' } }]
  sidecar = await openTestListeners(new Map(), [{ ...testDatabase('db', port, gate.port), credentials }], { grants })
}, 120_000)

afterAll(async () => {
  await sidecar.close()
  await gate.stop()
  await postgres.stop()
})

beforeEach(async () => {
  await postgres.sql('TRUNCATE item')
  client = await connectRaw(port)
  client.socket.write(encode.startupMessage([['user', 'agent']]))
  await until(() => client.text().endsWith('Z\0\0\0\x05I'), 'the login')
})

afterEach(async () => {
  client.socket.destroy()
  await postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
})

/** Writes all of it; says whether the sidecar took it all though nobody takes it from the sidecar. */
async function isSwallowed(socket: Socket, frames: Iterable<Buffer>): Promise<boolean> {
  for (const frame of frames) socket.write(frame)
  // Nothing happens where the client is held back, so there is nothing to wait for.
  for (let look = 0; look < 20; look += 1) {
    if (socket.writableLength === 0) return true
    await delay(100)
  }
  return false
}

function copyData(text: string): Buffer {
  const frame = encode.passwordMessage(Buffer.from(text))
  frame.write('d')
  return frame
}

function* repeated(count: number, make: (index: number) => Buffer): Generator<Buffer> {
  for (let index = 0; index < count; index += 1) yield make(index)
}

describe('a client that is faster than the server', () => {
  it('is held back in COPY', async () => {
    client.socket.write(encode.query('COPY item FROM STDIN'))
    await until(() => client.text().includes('G\0\0\0'), 'COPY')
    gate.freeze()
    const line = copyData(`${'x'.repeat(pieceBytes)}\n`)
    expect(
      await isSwallowed(
        client.socket,
        repeated(pieces, () => line),
      ),
    ).toBe(false)
    gate.thaw()
    client.socket.write(Buffer.from('c\0\0\0\x04', 'latin1'))
    await until(() => client.text().includes(`COPY ${pieces}`), 'the end')
    expect(await postgres.sql('SELECT count(*) FROM item')).toBe(String(pieces))
  })

  it('is held back in a pipeline', async () => {
    client.socket.write(Buffer.concat([encode.parse('s', 'INSERT INTO item VALUES ($1)'), encode.sync()]))
    await until(() => client.text().endsWith('Z\0\0\0\x05I') && client.text().includes('1\0\0\0\x04'), 'the statement')
    gate.freeze()
    const parameters = [Buffer.alloc(pieceBytes, 'x')]
    const insert = Buffer.concat([encode.bind({ portal: '', statement: 's', parameters }), encode.execute('', 0)])
    expect(
      await isSwallowed(
        client.socket,
        repeated(pieces, () => insert),
      ),
    ).toBe(false)
    gate.thaw()
    client.socket.write(encode.sync())
    await until(() => client.text().endsWith('Z\0\0\0\x05I') && client.text().includes('INSERT 0 1'), 'the end')
    expect(await postgres.sql('SELECT count(*) FROM item')).toBe(String(pieces))
  })

  it('is held back while a statement runs, by bytes and not only by messages', async () => {
    client.socket.write(encode.query('SELECT pg_sleep(60)'))
    const asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    await until(async () => (await postgres.sql(asleep)) === '1', 'the statement')
    const large = encode.query(`SELECT 1 -- ${'x'.repeat(1_000_000)}`)
    expect(
      await isSwallowed(
        client.socket,
        repeated(96, () => large),
      ),
    ).toBe(false)
  })
})

describe('a server that is faster than the client', () => {
  const rows = 1000
  const rowBytes = 100_000

  /** Asks for more than the client takes; resolves when the server waits for it. */
  async function ask(): Promise<void> {
    client.socket.pause()
    client.socket.write(encode.query(`SELECT repeat('x', ${rowBytes}) FROM generate_series(1, ${rows})`))
    await until(async () => (await sessions("wait_event = 'ClientWrite'")) === '1', 'the server waits')
  }

  function sessions(condition: string): Promise<string> {
    return postgres.sql(`SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND ${condition}`)
  }

  it('is held back, and nothing is lost', async () => {
    await ask()
    client.socket.resume()
    await until(() => client.text().includes(`SELECT ${rows}\0Z`), 'the end')
    expect(client.text().length).toBeGreaterThan(rows * rowBytes)
  })

  it('is let go when the client is gone', async () => {
    await ask()
    client.socket.destroy()
    await until(async () => (await sessions("state = 'active'")) === '0', 'the end')
  })

  it('is let go when access ends, though the client takes nothing', async () => {
    await ask()
    const databases = sidecar.store.current()?.databases ?? []
    sidecar.swap([])
    await until(async () => (await sessions("state = 'active'")) === '0', 'the end')
    sidecar.swap(databases)
  })
})
