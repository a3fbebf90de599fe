import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, inject, it } from 'vitest'
import { run, runAny } from '../rig/process.ts'
import { connectionString } from './observe.ts'
import type { Server, Way } from './targets.ts'
import { installedTools } from './tools.ts'

const { postgresBin } = installedTools()
const dir = mkdtempSync(join(tmpdir(), 'sallyport-dump-'))
const database = 'pg_dump'
const tool = (name: string): string => join(postgresBin, name)

afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** The dump's own text; its \restrict lines hold a key that is random unless it is given. */
async function dump(server: Server, way: Way | 'dump', flags: readonly string[]): Promise<string> {
  const args = ['--restrict-key=test', '-n', 'public', ...flags, '-d', connectionString(server, way, database)]
  return run(tool('pg_dump'), args)
}

function superuser(server: Server, name: string): string {
  return `host=${server.socketDir} port=${server.ports.direct} user=postgres dbname=${name}`
}

const tables = ['-t', 'authors', '-t', 'books', '-t', 'samples', '-t', 'numbers']
/** Of a schema without functions, whose bodies are never shown. */
const forms: readonly (readonly [string, readonly string[]])[] = [
  ['the schema', ['--schema-only']],
  ['the data', ['--data-only']],
  ['everything', []],
  ['everything as INSERT', ['--inserts', '--rows-per-insert=100']],
  ['everything as INSERT with names', ['--column-inserts', '-t', 'books']],
  ['some tables', tables],
  ['without owners and privileges', ['-O', '-x', '--if-exists', '--clean']],
  ['a serializable snapshot', ['--serializable-deferrable', '-t', 'authors']],
]

describe.each(inject('driverServers'))('pg_dump of PostgreSQL $version', (server) => {
  it.each(forms)('is the same through the sidecar: %s', async (_name, flags) => {
    const direct = await dump(server, 'direct', flags)
    expect(direct).toMatch(/COPY|INSERT|CREATE/)
    expect(await dump(server, 'dump', flags)).toBe(direct)
  })

  it.each(['custom', 'directory'])('restores to what it was made from: %s', async (format) => {
    const [file, restored] = [join(dir, `${format}-${server.version}`), `restored_${format}`]
    await run(tool('pg_dump'), [
      '-n',
      'public',
      '-F',
      format,
      '-f',
      file,
      '-d',
      connectionString(server, 'dump', database),
    ])
    await run(tool('psql'), [
      '-XAtqd',
      superuser(server, 'postgres'),
      '-c',
      `CREATE DATABASE ${restored} TEMPLATE template0`,
    ])
    // The schema is there already, and a server of 13 does not know a setting that restoring by 18 begins with.
    const { stderr } = await runAny(tool('pg_restore'), ['-d', superuser(server, restored), file])
    expect(stderr.split('\n').filter((line) => /error:/.test(line) && !/transaction_timeout|schema "public" already exists/.test(line))).toEqual([]) // prettier-ignore
    const all = async (name: string): Promise<string> => run(tool('pg_dump'), ['--restrict-key=test', '-n', 'public', '-d', superuser(server, name)]) // prettier-ignore
    expect(await all(restored)).toBe(await all(database))
  })

  it('is refused where the grant does not say Dump', async () => {
    const args = ['-d', connectionString(server, 'sidecar', database)]
    const { code, stderr } = await runAny(tool('pg_dump'), args)
    expect(code).toBe(1)
    expect(stderr).toMatch(/reason=/)
  })

  it('is of one connection: no other takes its snapshot', async () => {
    const args = ['-n', 'public', '-F', 'directory', '-j', '2', '-f', join(dir, `jobs-${server.version}`)]
    const { code, stderr } = await runAny(tool('pg_dump'), [...args, '-d', connectionString(server, 'dump', database)])
    expect(code).toBe(1)
    expect(stderr).toContain('object=pg_catalog.pg_export_snapshot')
  })

  it('shows no body of a function', async () => {
    const { code, stderr } = await runAny(tool('pg_dump'), ['-d', connectionString(server, 'dump', database)])
    expect(code).toBe(1)
    expect(stderr).toMatch(/object=pg_catalog.(pg_proc.pro|pg_get_function_sqlbody)/)
  })
})
