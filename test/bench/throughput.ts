import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync, chmodSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../rig/free-port.ts'
import { runAny, start, until, type Started } from '../rig/process.ts'
import type { Scene } from '../rig/scene.ts'
import { alternate, ratios, type Lane } from './lanes.ts'
import { largeResults } from './large-results.ts'
import { neverSeen } from './never-seen.ts'

const rounds = 5
const seconds = 3

/** `pgbench -S` through each lane in alternating rounds on one machine; medians, and ratios of the same run. */
export async function throughput(scene: Scene, print: (line: string) => void): Promise<void> {
  const bouncer = await startPgBouncer(scene, print)
  const lanes: Lane[] = [{ name: 'direct', port: scene.postgres.port, user: 'app' }]
  if (bouncer) lanes.push({ name: 'pgbouncer', port: bouncer.port, user: 'app' })
  lanes.push({ name: 'sallyport', port: scene.localPort, user: 'app' })
  await scene.grant('bench', {
    duration: '2h',
    permissions: [{ operations: ['Select'], relations: ['public.*'] }],
  })
  await largeResults(lanes, print)
  await neverSeen(lanes, print)
  for (const mode of ['prepared', 'extended', 'simple'] as const)
    for (const clients of [1, 8, 64]) print(await compare(lanes, mode, clients))
  await bouncer?.process.stop()
}

async function compare(lanes: readonly Lane[], mode: string, clients: number): Promise<string> {
  const perSecond = await alternate(lanes, rounds, (lane) => pgbench(lane, mode, clients))
  const tps = [...perSecond].map(([name, rate]) => `${name} ${rate.toFixed(0)}`).join('  ')
  return `pgbench -S ${mode.padEnd(8)} c=${String(clients).padEnd(2)}  tps: ${tps}  ratio: ${ratios(perSecond)}`
}

async function pgbench({ port, user }: Lane, mode: string, clients: number): Promise<number> {
  const args = ['-n', '-S', '-M', mode, '-c', String(clients), '-j', '1', '-T', String(seconds)]
  const env = { ...process.env, PGPASSWORD: 'app', PGSSLMODE: 'disable' }
  const result = await runAny('pgbench', [...args, '-h', '127.0.0.1', '-p', String(port), '-U', user, 'postgres'], { env }) // prettier-ignore
  const tps = /tps = ([\d.]+) \(without/.exec(result.stdout)?.[1]
  if (tps === undefined) throw new Error(`pgbench: ${result.stderr}`)
  return Number(tps)
}

/** Debian's PgBouncer in session mode, where it is installed. */
async function startPgBouncer(
  scene: Scene,
  print: (line: string) => void,
): Promise<{ readonly port: number; readonly process: Started } | null> {
  if (spawnSync('pgbouncer', ['--version']).status !== 0) {
    print('pgbouncer is not installed (apt-get install pgbouncer): no peer to compare with')
    return null
  }
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-pgbouncer-'))
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }))
  const port = await freePort()
  writeFileSync(join(dir, 'users.txt'), '"app" "app"\n')
  writeFileSync(
    join(dir, 'pgbouncer.ini'),
    `[databases]
* = host=127.0.0.1 port=${scene.postgres.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = plain
auth_file = ${join(dir, 'users.txt')}
pool_mode = session
default_pool_size = 100
`,
  )
  const isRoot = process.getuid?.() === 0
  if (isRoot) chmodSync(dir, 0o755)
  const child = start('pgbouncer', [...(isRoot ? ['-u', 'nobody'] : []), join(dir, 'pgbouncer.ini')])
  const isUp = async (): Promise<boolean> =>
    (await runAny('psql', ['-XAtc', 'SELECT 1', `host=127.0.0.1 port=${port} user=app password=app dbname=postgres`])).code === 0 // prettier-ignore
  await until(isUp, 'PgBouncer', { process: child })
  return { port, process: child }
}
