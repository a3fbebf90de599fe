/**
 * Runs as the agent: inserts rows, each statement once, over connections that it opens again whenever it is thrown out.
 * Argument: JSON `{host, table, clients, paceMs}`. A line for each row that was confirmed.
 */
import { createRequire } from 'node:module'
import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'

const pg = createRequire('/app/package.json')('pg')
const { host, table, clients = 4, paceMs = 20 } = JSON.parse(process.argv[2] ?? '{}')
let next = randomInt(1, 1_000_000_000)
await Promise.all(Array.from({ length: clients }, run))

async function run() {
  for (;;) {
    const client = new pg.Client({ host, port: 5432, database: 'shop', user: 'agent', connectionTimeoutMillis: 8000 })
    client.on('error', () => undefined)
    try {
      await client.connect()
      for (;;) {
        const id = (next += 1)
        await client.query(`INSERT INTO ${table} (id) VALUES (${id})`)
        process.stdout.write(`${id}\n`)
        await delay(paceMs)
      }
    } catch {
      await delay(20)
    } finally {
      await client.end().catch(() => undefined)
    }
  }
}
