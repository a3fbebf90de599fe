import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { testGrant } from '../../sidecar/src/bundle/testing/test-controller.ts'
import * as encode from '../../sidecar/src/wire/postgres/encode.ts'
import { openTestListeners, testDatabase, type TestListeners } from '../../sidecar/src/testing/test-listeners.ts'
import type { WireClient } from '../corpus/wire-client.ts'
import { freePort } from '../rig/free-port.ts'
import { startPostgres, type Postgres } from '../rig/postgres.ts'
import { until } from '../rig/process.ts'
import { startTcpGate, type TcpGate } from '../rig/tcp-gate.ts'
import { openTalk } from '../rig/wire-talk.ts'

let postgres: Postgres
let gate: TcpGate
let sidecar: TestListeners
let port = 0

beforeAll(async () => {
  postgres = await startPostgres()
  await postgres.sql("CREATE ROLE app LOGIN PASSWORD 'app'")
  gate = await startTcpGate(postgres.port)
  port = await freePort()
  const credentials = { username: 'app', password: 'app' }
  const grant = { ...testGrant('one', Date.now() + 3_600_000), functions: ['pg_catalog.pg_sleep'] }
  const grants = [{ ...grant, database: { namespace: 'agents', name: 'db' } }]
  sidecar = await openTestListeners(new Map(), [{ ...testDatabase('db', port, gate.port), credentials }], { grants })
}, 120_000)

afterAll(async () => {
  await sidecar.close()
  await gate.stop()
  await postgres.stop()
})

function open(): Promise<WireClient> {
  return openTalk({ address: { host: '127.0.0.1', port }, user: 'agent', database: 'postgres' })
}

/** The request as libpq sends it; resolves when its connection is closed. */
async function cancel(key: { readonly processId: number; readonly secret: Buffer } | null): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.write(encode.cancelRequest(key?.processId ?? 0, key?.secret ?? Buffer.alloc(4)))
  await once(socket.resume(), 'close')
}

async function isRunning(seconds: number): Promise<boolean> {
  const seen = `SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND state = 'active'
    AND query = 'SELECT pg_sleep(${seconds})'`
  return (await postgres.sql(seen)) === '1'
}

function tags(client: WireClient, from: number): string {
  return client.messages.slice(from).map(({ tag }) => tag).join('') // prettier-ignore
}

describe('a cancel request', () => {
  it('that is late does not hit the statement that comes next', async () => {
    const client = await open()
    const before = client.messages.length
    client.send('Q', Buffer.from('SELECT pg_sleep(0.5)\0'))
    await until(() => isRunning(0.5), 'the first statement')
    gate.hold()
    const closed = cancel(client.key)
    await client.untilReady()
    client.send('Q', Buffer.from('SELECT pg_sleep(0.6)\0'))
    // As long as the request is under way the next statement must not be; there is no event to wait for where nothing happens.
    for (let look = 0; look < 5; look += 1) {
      expect(await isRunning(0.6)).toBe(false)
      await delay(100)
    }
    gate.open()
    await client.untilReady()
    await closed
    expect(tags(client, before)).toBe('TDCZTDCZ')
    client.close()
  })

  it('is closed only when the server has it', async () => {
    const client = await open()
    client.send('Q', Buffer.from('SELECT pg_sleep(1.5)\0'))
    await until(() => isRunning(1.5), 'the statement')
    gate.hold()
    const closed = cancel(client.key).then(() => 'closed')
    const first = Promise.race([closed, delay(300).then(() => 'open')])
    expect(await first).toBe('open')
    gate.open()
    await closed
    await client.untilReady()
    expect(client.messages.at(-2)?.body.toString()).toContain('57014')
    client.close()
  })

  it('of an idle session is not passed on, nor is one with a wrong key', async () => {
    const client = await open()
    const connections = gate.count()
    await cancel(client.key)
    client.send('Q', Buffer.from('SELECT pg_sleep(0.7)\0'))
    await until(() => isRunning(0.7), 'the statement')
    const { processId, secret } = client.key ?? { processId: 0, secret: Buffer.alloc(0) }
    await cancel({ processId, secret: Buffer.from(secret.map((byte) => byte ^ 255)) })
    await cancel({ processId: processId ^ 1, secret })
    await client.untilReady()
    expect(gate.count()).toBe(connections)
    client.close()
  })
})
