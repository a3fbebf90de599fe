import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ExpiryClock } from '../../sidecar/src/bundle/expiry-clock.ts'
import { testGrant } from '../../sidecar/src/bundle/testing/test-controller.ts'
import { openTestListeners, testDatabase, type TestListeners } from '../../sidecar/src/testing/test-listeners.ts'
import { freePort } from '../rig/free-port.ts'
import { startPostgres, type Postgres } from '../rig/postgres.ts'

/** Tells the time, but for the next `faults` times it is asked. */
class FaultyClock extends ExpiryClock {
  faults = 0

  override now(): number {
    if (this.faults === 0) return super.now()
    this.faults -= 1
    throw new TypeError('a fault of the program')
  }
}

const clock = new FaultyClock()
let postgres: Postgres
let sidecar: TestListeners
let port = 0

beforeAll(async () => {
  postgres = await startPostgres()
  await postgres.sql("CREATE ROLE app LOGIN PASSWORD 'app'")
  port = await freePort()
  const credentials = { username: 'app', password: 'app' }
  const grants = [{ ...testGrant('one', Date.now() + 3_600_000), database: { namespace: 'agents', name: 'db' } }]
  sidecar = await openTestListeners(new Map(), [{ ...testDatabase('db', port, postgres.port), credentials }], { grants, clock }) // prettier-ignore
}, 120_000)

afterAll(async () => {
  await sidecar.close()
  await postgres.stop()
})

async function session(): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port, database: 'postgres', user: 'agent' })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

describe('a fault of the program in answer to an event', () => {
  it('ends the session it happens in with a FATAL, and nothing else', async () => {
    const [first, second] = [await session(), await session()]
    const ended = new Promise((resolve) => first.once('error', resolve))
    clock.faults = 1
    // Every session looks at its grants when a snapshot comes; the first one that does meets the fault.
    sidecar.swap(sidecar.store.current()?.databases ?? [])
    expect(await ended).toMatchObject({ severity: 'FATAL', code: '08P01' })
    expect((await second.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    const third = await session()
    expect((await third.query('SELECT 2 AS two')).rows).toEqual([{ two: 2 }])
    await second.end()
    await third.end()
  })
})
