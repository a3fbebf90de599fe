import pg from 'pg'
import { alternate, type Lane } from './lanes.ts'
import { median } from './statistics.ts'

const statements = 1000

/** Simple queries of which no text was there before: what analysis and decision cost when no cache helps. */
export async function neverSeen(lanes: readonly Lane[], print: (line: string) => void): Promise<void> {
  let serial = 0
  const p50 = await alternate(lanes, 3, async ({ port, user }) => {
    const client = new pg.Client({ host: '127.0.0.1', port, user, password: 'app', database: 'postgres', ssl: false })
    await client.connect()
    const times: number[] = []
    for (let count = 0; count < statements; count += 1) {
      serial += 1
      const startedMs = performance.now()
      await client.query(`SELECT a.abalance AS a${serial} FROM pgbench_accounts a WHERE a.aid = ${serial} AND a.bid < ${serial + 2}`) // prettier-ignore
      times.push((performance.now() - startedMs) * 1000)
    }
    await client.end()
    return median(times)
  })
  print(`never-seen statements, p50 µs: ${[...p50].map(([name, value]) => `${name} ${value.toFixed(0)}`).join('  ')}`)
}
