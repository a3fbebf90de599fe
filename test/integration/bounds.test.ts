/** Whatever a client or a result does, the sidecar's memory stays small and others are served. */
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import * as encode from '../../sidecar/src/wire/postgres/encode.ts'
import { startPostgres, type Postgres } from '../rig/postgres.ts'
import { until } from '../rig/process.ts'
import { startStandalone, type Standalone } from '../rig/standalone.ts'

const mebibyte = 1 << 20
let postgres: Postgres
let sidecar: Standalone
const open = new Set<Socket>()

beforeAll(async () => {
  postgres = await startPostgres({ settings: { max_connections: '400' } })
  await postgres.sql(`CREATE ROLE app LOGIN PASSWORD 'app';
    CREATE TABLE small (id int); INSERT INTO small VALUES (1);
    CREATE TABLE secret (value text); INSERT INTO secret SELECT repeat('x', 100 * 1024 * 1024);
    CREATE TABLE wide AS SELECT n AS id, repeat('x', 8000) AS filler FROM generate_series(1, 8000) AS n;
    CREATE TABLE taken (line text);
    GRANT ALL ON ALL TABLES IN SCHEMA public TO app`)
  sidecar = await startStandalone(postgres, {
    permissions: [
      { operations: ['Select'], relations: ['public.*'] },
      { operations: ['Insert', 'CopyIn'], relations: ['public.taken'] },
    ],
    redacted: ['public.secret.value'],
  })
})

afterEach(() => {
  for (const socket of open) socket.destroy()
  open.clear()
})

afterAll(async () => {
  await sidecar.stop()
  await postgres.stop()
})

/** Memory of the sidecar in MiB: now, or the most it had since the last call with `reset`. */
function memoryMiB(which: 'now' | 'peak' | 'reset'): number {
  const path = `/proc/${sidecar.process.child.pid ?? 0}`
  if (which === 'reset') writeFileSync(`${path}/clear_refs`, '5')
  const field = which === 'now' ? 'VmRSS' : 'VmHWM'
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`${path}/status`, 'utf8'))?.[1]) / 1024
}

/** 8,000 values of 8,000 bytes, sixteen times: 1.02 GB in one. */
const oneLargeRow = `SELECT string_agg(filler, '') FROM wide, (VALUES ${Array.from({ length: 16 }, () => '(1)').join()}) AS times`

/** What the peak may lie above what was there before: chunks, queues and V8's own slack. */
const slackMiB = 192

async function bounded(what: string, work: () => Promise<void>, roomMiB = slackMiB): Promise<void> {
  memoryMiB('reset')
  const before = memoryMiB('now')
  await work()
  const peak = memoryMiB('peak')
  console.log(`${what}: ${before.toFixed(0)} MiB before, ${peak.toFixed(0)} MiB at most`)
  expect(peak - before).toBeLessThan(roomMiB)
}

async function raw(): Promise<Socket> {
  const socket = connect(sidecar.port, '127.0.0.1')
  open.add(socket)
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

/** A session whose answers nobody reads. */
async function silent(...messages: readonly Buffer[]): Promise<Socket> {
  const socket = await raw()
  socket.write(encode.startupMessage([['user', 'agent'], ['database', 'postgres']])) // prettier-ignore
  await once(socket, 'readable')
  socket.write(Buffer.concat(messages))
  return socket
}

async function withClient<T>(use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ host: '127.0.0.1', port: sidecar.port, user: 'agent', database: 'postgres' })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

const othersAreServed = async (): Promise<void> => {
  const { rows } = await withClient((client) => client.query<{ id: number }>('SELECT id FROM small'))
  expect(rows).toEqual([{ id: 1 }])
}

describe('memory is bounded', () => {
  it('by a row of 1 GB, which goes on as it comes', async () => {
    await bounded('a row of 1 GB', async () => {
      const socket = await silent(encode.query(oneLargeRow))
      let received = 0
      let end = Buffer.alloc(0)
      for await (const chunk of socket as AsyncIterable<Buffer>) {
        received += chunk.length
        end = Buffer.concat([end, chunk]).subarray(-64)
        if (end.includes('SELECT 1\0Z')) break
      }
      expect(received).toBeGreaterThan(1_000_000_000)
    })
    await othersAreServed()
  })

  it('by a value that is too large to be masked: it is refused, and the session goes on', async () => {
    await bounded('a masked value of 100 MiB', () =>
      withClient(async (client) => {
        await expect(client.query('SELECT value FROM secret')).rejects.toMatchObject({
          code: '54000',
          detail: expect.stringContaining('reason=byte-cap-exceeded') as string,
        })
        expect((await client.query('SELECT id FROM small')).rows).toEqual([{ id: 1 }])
      }),
    )
  })

  it.each([
    ['a Query', 'Q'],
    ['a Bind', 'B'],
    ['no message there is', '!'],
  ])('by 4 GB announced for %s: refused at once', async (_what, tag) => {
    await bounded('4 GB announced', async () => {
      const socket = await silent(Buffer.concat([Buffer.from(tag), Buffer.from([0xff, 0xff, 0xff, 0xff]), Buffer.alloc(100_000)])) // prettier-ignore
      const chunks: Buffer[] = []
      for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk)
      expect(Buffer.concat(chunks).toString('latin1')).toContain('reason=protocol-violation')
    })
    await othersAreServed()
  })

  it('by 200 clients that never read 60 MB each, and others are served; the end of access ends them', async () => {
    const count = 200
    await bounded(`${count} clients that never read`, async () => {
      for (let index = 0; index < count; index += 1) await silent(encode.query('SELECT id, filler FROM wide'))
      await until(async () => (await activeStatements()) >= count, 'all wait for their clients', { timeoutMs: 60_000 })
      await othersAreServed()
    })
  })

  it('by a client that sends 400 MB while its statement waits', async () => {
    const locker = new pg.Client({ host: postgres.socketDir, port: postgres.port, user: 'postgres' })
    await locker.connect()
    await locker.query('BEGIN; LOCK TABLE small')
    await bounded('400 MB sent ahead', async () => {
      const socket = await silent(encode.query('SELECT id FROM small'))
      const large = encode.bind({ portal: '', statement: 'none', parameters: [Buffer.alloc(mebibyte)] })
      let accepted = 0
      for (; accepted < 400; accepted += 1) if (!socket.write(large) && (await isStuck(socket))) break
      console.log(`the sidecar took ${accepted} MiB`)
      expect(accepted).toBeLessThan(64)
    })
    await locker.query('ROLLBACK')
    await locker.end()
    await othersAreServed()
  })

  it('by COPY of 500 MB into a table', async () => {
    const lines = Buffer.alloc(mebibyte, `${'x'.repeat(1023)}\n`)
    const copyData = Buffer.concat([Buffer.from('d'), int32(lines.length + 4), lines])
    await bounded('COPY of 500 MB', async () => {
      const socket = await silent(encode.query('COPY taken FROM STDIN'))
      const answers: Buffer[] = []
      socket.on('data', (chunk: Buffer) => answers.push(chunk))
      const heard = (text: string): boolean => Buffer.concat(answers).includes(text)
      await until(() => heard('G\0\0\0'), 'CopyInResponse')
      for (let count = 0; count < 500; count += 1) if (!socket.write(copyData)) await once(socket, 'drain')
      socket.write(Buffer.from('c\0\0\0\x04', 'latin1'))
      await until(() => heard('COPY 512000'), 'the end of COPY', { timeoutMs: 60_000 })
    })
  })

  it('by 10,000 connections on which nothing is said', async () => {
    const count = 10_000
    await bounded(
      `${count} silent connections`,
      async () => {
        for (let index = 0; index < count; index += 100) await Promise.all(Array.from({ length: 100 }, raw))
        await othersAreServed()
      },
      256,
    )
  })

  it('by prepared statements and cursors that are never closed: one too many is refused, and the session goes on', async () => {
    await withClient(async (client) => {
      for (let from = 0; from < 5000; from += 500)
        await client.query(Array.from({ length: 500 }, (_, index) => `PREPARE p${from + index} AS SELECT 1`).join(';'))
      const refused = { code: '53400', detail: expect.stringContaining('reason=too-many-names') as string }
      await expect(client.query('PREPARE one_more AS SELECT 1')).rejects.toMatchObject(refused)
      await expect(client.query({ name: 'another', text: 'SELECT 1' })).rejects.toMatchObject(refused)
      await client.query('DEALLOCATE p0')
      await client.query('PREPARE one_more AS SELECT 1')
      expect((await client.query('SELECT id FROM small')).rows).toEqual([{ id: 1 }])
    })
  })

  it('and a client that never reads is cut off when its access ends', async () => {
    const socket = await silent(encode.query('SELECT id, filler FROM wide'))
    const closed = once(socket, 'close')
    await until(async () => (await activeStatements()) >= 1, 'it runs')
    sidecar.revoke()
    await until(async () => (await activeStatements()) === 0, 'the server is free')
    // Only who reads hears of the end of a connection.
    socket.resume()
    await closed
  })
})

async function activeStatements(): Promise<number> {
  return Number(await postgres.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND state = 'active'"))
}

/** Nothing was taken for a while. */
async function isStuck(socket: Socket): Promise<boolean> {
  return (
    (await Promise.race([once(socket, 'drain'), new Promise((resolve) => setTimeout(resolve, 2000))])) === undefined
  )
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
