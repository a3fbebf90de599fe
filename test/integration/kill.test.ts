/**
 * Processes are killed at random moments under load, 100 times each. Afterwards: whatever was executed has its intent
 * record, the record has no gap, and nothing was executed after the end of its grant.
 */
import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { until } from '../rig/process.ts'
import { digestOfStatement, recordedStatements, type RecordedStatements } from '../rig/recorded-statements.ts'
import { openScene, type Scene } from '../rig/scene.ts'

const kills = 100
/** Between two statements of a client: the point is the moment of a kill, not the load. */
const paceMs = 20
let scene: Scene

beforeAll(async () => {
  scene = await openScene({
    sql: `CREATE TABLE ledger (id int PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp());
      GRANT SELECT, INSERT ON ledger TO app`,
  })
  await scene.grant('first', { duration: '1h', permissions })
})

afterAll(() => scene.stop())

const permissions = [{ operations: ['Select', 'Insert'], relations: ['public.ledger'] }]

let nextId = 1
const text = (id: number): string => `INSERT INTO ledger (id) VALUES (${id})`

/** Clients that insert, each text once, and connect again whenever they are thrown out. */
function load(clients: number): { readonly stop: () => Promise<void> } {
  const state = { running: true }
  const isRunning = (): boolean => state.running
  const client = async (): Promise<void> => {
    while (isRunning()) {
      const connection = new pg.Client({
        host: '127.0.0.1',
        port: scene.localPort,
        database: 'postgres',
        user: 'agent',
      })
      connection.on('error', () => undefined)
      try {
        await connection.connect()
        while (isRunning()) {
          await connection.query(text(nextId++))
          await delay(paceMs)
        }
      } catch {
        await delay(5)
      } finally {
        await connection.end().catch(() => undefined)
      }
    }
  }
  const all = Array.from({ length: clients }, client)
  return {
    stop: async () => {
      state.running = false
      await Promise.all(all)
    },
  }
}

async function isLetIn(): Promise<boolean> {
  const connection = new pg.Client({ host: '127.0.0.1', port: scene.localPort, database: 'postgres', user: 'agent' })
  connection.on('error', () => undefined)
  const isIn = await connection.connect().then(
    () => true,
    () => false,
  )
  await connection.end().catch(() => undefined)
  return isIn
}

const countRows = async (): Promise<number> => Number(await scene.postgres.sql('SELECT count(*) FROM ledger'))

/** Waits for more rows, so that each kill falls into work. */
async function progress(): Promise<void> {
  const before = await countRows()
  await until(async () => (await countRows()) > before, 'statements go on')
  await delay(randomInt(0, 60))
}

it(`keeps its promises while the sidecar is killed ${kills} times`, { timeout: 400_000 }, async () => {
  const traffic = load(4)
  for (let n = 0; n < kills; n += 1) {
    await progress()
    await scene.sidecar().process.stop('SIGKILL')
    await scene.restartSidecar()
  }
  await traffic.stop()
  await expectEveryRowRecorded()
})

it(`keeps its promises while the controller is killed ${kills} times`, { timeout: 600_000 }, async () => {
  const traffic = load(4)
  for (let n = 0; n < kills; n += 1) {
    await progress()
    await scene.installation.stopController('SIGKILL')
    await scene.installation.startController()
  }
  await traffic.stop()
  await expectEveryRowRecorded()
})

it('lets nothing go after the end of a grant, with the controller dead', { timeout: 120_000 }, async () => {
  await scene.plane.mustKubectl(['delete', 'accessgrant', 'first', '-n', 'agents'])
  await until(async () => !(await isLetIn()), 'the sidecar knows that the first grant is gone')
  await scene.grant('short', { duration: '6s', permissions })
  const expiresAt = Date.parse(
    await scene.plane.mustKubectl([
      'get',
      'accessgrant',
      'short',
      '-n',
      'agents',
      '-o',
      'jsonpath={.status.expiresAt}',
    ]),
  )
  await until(isLetIn, 'the sidecar knows of the short grant')
  const clients = 4
  const traffic = load(clients)
  await until(async () => (await rowsSince(expiresAt - 6000)).length > 0, 'statements under the short grant')
  await scene.installation.stopController('SIGKILL')
  await until(() => Date.now() > expiresAt + 500, 'the end')
  await traffic.stop()
  // What is on its way at that moment is cancelled, and may have been faster: one statement a session at most.
  const late = await rowsSince(expiresAt)
  expect(late.length).toBeLessThanOrEqual(clients)
  await scene.installation.startController()
  const intents = await expectEveryRowRecorded()
  const lastMs = Math.max(...(await rowsSince(expiresAt - 6000)).map((id) => intents.get(digestOfStatement(text(id))) ?? Infinity)) // prettier-ignore
  console.log(
    `last statement let go ${expiresAt - lastMs} ms before the end of its grant; ${late.length} executed after it`,
  )
  expect(lastMs).toBeLessThan(expiresAt)
})

/** Ids of what was executed after a moment, by the server's clock. */
async function rowsSince(ms: number): Promise<readonly number[]> {
  const ids = await scene.postgres.sql(`SELECT id FROM ledger WHERE at > to_timestamp(${ms / 1000})`)
  return ids === '' ? [] : ids.split('\n').map(Number)
}

/**
 * Everything arrives in the end, and every chain is whole. A controller that is stopped in order seals what it has at
 * once, so it is stopped and started until the sidecar's spool has run empty.
 */
async function expectEveryRowRecorded(): Promise<RecordedStatements['intents']> {
  const ids = (await scene.postgres.sql('SELECT id FROM ledger')).split('\n').map(Number)
  let seen = { missing: ids.length, intents: new Map() as RecordedStatements['intents'], sources: 0 }
  for (let round = 0; round < 30 && seen.missing > 0; round += 1) {
    await scene.installation.stopController()
    const recorded = recordedStatements(
      await scene.plane.mustKubectl(['get', 'auditsegments', '-n', scene.installation.namespace, '-o', 'json']),
    )
    const missing = ids.filter((id) => !recorded.intents.has(digestOfStatement(text(id)))).length
    seen = { missing, ...recorded }
    await scene.installation.startController()
    if (missing > 0) await until(async () => (await journalBytes()) > 0, 'more records')
  }
  console.log(`${ids.length} rows, ${seen.intents.size} statements recorded by ${seen.sources} runs of the sidecar`)
  expect(seen.missing).toBe(0)
  return seen.intents
}

async function journalBytes(): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${scene.installation.metricsPort}/metrics`)
  return Number(/^sallyport_audit_journal_bytes (\d+)/m.exec(await response.text())?.[1] ?? 0)
}
