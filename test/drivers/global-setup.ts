/** The servers and the sidecar that all files share: PostgreSQL of two versions, and one standalone sidecar before both. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { freePorts } from '../rig/free-port.ts'
import { buildCommands, executable } from '../rig/installation.ts'
import { startPostgres, type Postgres } from '../rig/postgres.ts'
import { accepts, start, until } from '../rig/process.ts'
import { grantManifest, databaseManifest, secretManifest } from './manifests.ts'
import { databases, versions, type Server, type Version } from './targets.ts'

const grants = ['sidecar', 'guarded', 'dump'] as const

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  buildCommands()
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-drivers-'))
  const manifests = join(dir, 'manifests')
  mkdirSync(manifests)
  const write = (name: string, object: object): void =>
    writeFileSync(join(manifests, `${name}.json`), JSON.stringify(object))
  write('login', secretManifest)
  const servers: { readonly postgres: Postgres; readonly server: Server }[] = []
  for (const version of versions) {
    const postgres = await openPostgres(version)
    const [sidecar = 0, guarded = 0, dump = 0] = await freePorts(grants.length)
    const ports = { direct: postgres.port, sidecar, guarded, dump }
    for (const grant of grants) {
      const name = `${grant}-${version}`
      write(`database-${name}`, databaseManifest(name, postgres.port, ports[grant]))
      write(`grant-${name}`, grantManifest(name, grant))
    }
    servers.push({ postgres, server: { version, socketDir: postgres.socketDir, ports } })
  }
  const flags = ['--subject', 'agents/drivers', '--audit', join(dir, 'audit.jsonl')]
  const sidecar = start(executable('sallyport'), ['sidecar', '--standalone', manifests, ...flags])
  for (const { server } of servers)
    for (const grant of grants)
      await until(() => accepts(server.ports[grant]), `the sidecar of ${server.version}`, { process: sidecar })
  project.provide(
    'driverServers',
    servers.map(({ server }) => server),
  )
  return async () => {
    await sidecar.stop()
    await Promise.all(servers.map(({ postgres }) => postgres.stop()))
    rmSync(dir, { recursive: true, force: true })
  }
}

async function openPostgres(version: Version): Promise<Postgres> {
  const postgres = await startPostgres({ version, settings: { max_prepared_transactions: '10' } })
  await postgres.sql("CREATE ROLE app LOGIN PASSWORD 'app'")
  await postgres.sql('CREATE DATABASE fixture')
  await postgres.file(join(import.meta.dirname, 'fixture.sql'), 'fixture')
  for (const database of databases) await postgres.sql(`CREATE DATABASE ${database} TEMPLATE fixture`)
  return postgres
}
