/** Programs that other languages' drivers need, and where the cache keeps them. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

export const clients = join(import.meta.dirname, 'clients')

/** pgjdbc, from the Java registry that Maven is set up for. */
export const jdbc = {
  artifact: 'org.postgresql:postgresql:42.7.14',
  file: 'postgresql-42.7.14.jar',
  sha256: '73914527305a40cce504b0d3d90b23caf565136912d607ae8ae7c5895512332c',
} as const
export const copyPlugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy'

export interface DriverTools {
  readonly folder: string
  /** Of a virtual environment with the packages of requirements.txt. */
  readonly python: string
  /** Folder with psql, pg_dump, pg_restore and pgbench of PostgreSQL 18. */
  readonly postgresBin: string
  readonly jar: string
  readonly pgx: string
  /** Is there when all but pgx is. */
  readonly complete: string
}

/** The folder is named after the content of what it is made from. */
export function driverTools(env: Readonly<Record<string, string | undefined>> = process.env): DriverTools {
  const cache = env.XDG_CACHE_HOME ?? join(homedir(), '.cache')
  const versions = digestOf(['requirements.txt', 'postgres-tools.txt'], `${jdbc.artifact} ${jdbc.sha256} ${copyPlugin}`)
  const folder = join(cache, 'sallyport', 'tools', `drivers-${versions}`)
  return {
    folder,
    python: join(folder, 'python/bin/python'),
    postgresBin: join(folder, 'postgres/bin'),
    jar: join(folder, jdbc.file),
    pgx: join(folder, `pgx-${digestOf(['pgx/go.mod', 'pgx/go.sum', 'pgx/main.go'], '')}`),
    complete: join(folder, 'complete'),
  }
}

function digestOf(sources: readonly string[], text: string): string {
  const hash = createHash('sha256').update(text)
  for (const source of sources) hash.update(readFileSync(join(clients, source)))
  return hash.digest('hex').slice(0, 12)
}

/** @throws where what installs them has not been run. */
export function installedTools(): DriverTools {
  const tools = driverTools()
  if (![tools.complete, tools.pgx].every(existsSync))
    throw new Error('the drivers of other languages are not in the cache: run make driver-tools')
  return tools
}
