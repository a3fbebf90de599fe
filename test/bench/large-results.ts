import { runAny } from '../rig/process.ts'
import { alternate, ratios, type Lane } from './lanes.ts'

const rounds = 3
const rows = 1_000_000

/** Run by the superuser. `secret` is classified in one lane; the same bytes go through the others. */
export const largeTables = `CREATE TABLE plain (id int, name text, note text);
  INSERT INTO plain SELECT n, 'name of ' || n, repeat('x', 60) FROM generate_series(1, ${rows}) AS n;
  CREATE TABLE secret AS SELECT * FROM plain;
  GRANT SELECT ON plain, secret TO app; ANALYZE`

/** One SELECT of a million rows, plain and with one column masked by the sidecar. */
export async function largeResults(lanes: readonly Lane[], print: (line: string) => void): Promise<void> {
  for (const table of ['plain', 'secret']) {
    const perSecond = await alternate(lanes, rounds, (lane) => read(lane, table))
    const rates = [...perSecond].map(([name, rate]) => `${name} ${(rate / 1000).toFixed(0)}`).join('  ')
    const what = table === 'plain' ? 'plain          ' : 'a column masked'
    print(`1e6 rows, ${what}  thousand rows/s: ${rates}  ratio: ${ratios(perSecond)}`)
  }
}

/** Rows per second. */
async function read({ port, user }: Lane, table: string): Promise<number> {
  const env = { ...process.env, PGPASSWORD: 'app', PGSSLMODE: 'disable' }
  const startedMs = performance.now()
  const args = ['-XAtq', '-o', '/dev/null', '-c', `SELECT id, name, note FROM ${table}`, `host=127.0.0.1 port=${port} user=${user} dbname=postgres`] // prettier-ignore
  const { code, stderr } = await runAny('psql', args, { env })
  if (code !== 0) throw new Error(`psql: ${stderr}`)
  return rows / ((performance.now() - startedMs) / 1000)
}
