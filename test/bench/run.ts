/** Measures on real parts and prints; it never fails because something is slow. */
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { openScene, type Scene } from '../rig/scene.ts'
import { largeTables } from './large-results.ts'
import { latencies } from './latency.ts'
import { throughput } from './throughput.ts'

const print = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

print(`${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}, Node.js ${process.versions.node}`)
const scene = await openScene({
  sql: `CREATE TABLE pgbench_accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(84));
    INSERT INTO pgbench_accounts SELECT n, 1, 0, '' FROM generate_series(1, 100000) AS n;
    CREATE TABLE pgbench_branches (bid int PRIMARY KEY); INSERT INTO pgbench_branches VALUES (1);
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO app; ${largeTables}`,
  database: { sensitive: [{ columns: ['public.secret.note'], class: 'Secret', mask: 'Redact' }] },
})
try {
  const which = process.argv[2] ?? 'all'
  memory(scene, 'idle')
  if (which !== 'throughput') await latencies(scene, print)
  if (which !== 'latency') await throughput(scene, print)
  memory(scene, 'afterwards')
} finally {
  await scene.stop()
}
process.exit()

function memory({ installation, sidecar }: Scene, when: string): void {
  const processes = { controller: installation.controller(), sidecar: sidecar().process }
  for (const [name, { child }] of Object.entries(processes)) {
    const status = readFileSync(`/proc/${child.pid ?? 0}/status`, 'utf8')
    const rss = Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0)
    print(`memory of the ${name}, ${when}: ${(rss / 1024).toFixed(0)} MiB resident`)
  }
}
