import { runAny } from '../rig/process.ts'
import type { Observation } from './clients/report.ts'
import type { Server, Way } from './targets.ts'
import { join } from 'node:path'

export type Observed = ReadonlyMap<string, Observation>

export function connectionString(server: Server, way: Way | 'dump', database: string): string {
  return `postgresql://app:app@127.0.0.1:${server.ports[way]}/${database}`
}

/** Puts a database back into its first state. */
export async function resetDatabase(server: Server, database: string): Promise<void> {
  const args = ['-XAtqd', `host=${server.socketDir} port=${server.ports.direct} user=postgres dbname=${database}`]
  const { code, stderr } = await runAny('psql', [...args, '-c', 'SELECT rig.reset()'])
  if (code !== 0) throw new Error(`reset: ${stderr}`)
}

/** Runs a client program on a database in its first state. @throws where it does not come to its end. */
export async function runClient(
  command: readonly string[],
  { server, way, database }: { readonly server: Server; readonly way: Way; readonly database: string },
): Promise<Observed> {
  await resetDatabase(server, database)
  const [file = '', ...args] = command
  const env = { ...process.env, TZ: 'UTC', LC_ALL: 'C.UTF-8', PYTHONDONTWRITEBYTECODE: '1' }
  const options = { env, cwd: join(import.meta.dirname, 'clients'), timeout: 60_000 }
  const { code, stdout, stderr } = await runAny(file, [...args, connectionString(server, way, database)], options)
  const observations = stdout.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Observation] : [])) // prettier-ignore
  if (code !== 0) throw new Error(`${file} exited ${code} after ${observations.at(-1)?.name ?? 'nothing'}: ${stderr.slice(-3000)}`) // prettier-ignore
  const observed = new Map(observations.map((observation) => [observation.name, observation]))
  if (observed.size < observations.length || observed.size === 0) throw new Error('each observation needs a name of its own') // prettier-ignore
  return observed
}
