import { existsSync, rmSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { startPostgres, type Postgres } from '../rig/postgres.ts'
import { corpora, type SetupStatement } from './record.ts'

interface Role {
  readonly rolname: string
  readonly rolcreaterole: boolean
  readonly rolcreatedb: boolean
  readonly rolreplication: boolean
  readonly rolpassword: string | null
  readonly rolsuper: boolean
  readonly rolbypassrls: boolean
}

const settings: Readonly<Record<string, string>> = {
  autovacuum: 'off',
  wal_level: 'logical',
  max_wal_size: "'2GB'",
  max_prepared_transactions: '10',
  shared_preload_libraries: "'pg_stat_statements'",
  log_statement: "'all'",
  log_min_messages: 'error',
  log_line_prefix: "'%u %p '",
  checkpoint_timeout: "'30min'",
  logging_collector: 'on',
  log_directory: "'log'",
  log_filename: "'server.log'",
}

/** A PostgreSQL with the fixture, put back into its first state whenever a case has changed anything. */
export class FixtureServer {
  readonly postgres: Postgres
  /** File that cases write to; each server has its own. */
  readonly file: string
  readonly #version: '18' | '13'
  #admin: pg.Client | null = null
  #roles: readonly Role[] = []
  #members: readonly string[] = []
  #state = ''
  #log: FileHandle | null = null
  #logAt = 0

  private constructor(postgres: Postgres, slot: number, version: '18' | '13') {
    this.postgres = postgres
    this.#version = version
    this.file = `/var/tmp/agent_${slot}_out.bin`
  }

  static async start(slot: number, version: '18' | '13'): Promise<FixtureServer> {
    const postgres = await startPostgres({ version, settings })
    await postgres.sql('CREATE DATABASE shop_tpl')
    await postgres.file(join(corpora, 'fixture-postgres.sql'), 'shop_tpl')
    await postgres.sql("ALTER ROLE postgres PASSWORD 'fixture-postgres'")
    await postgres.sql('VACUUM ANALYZE', 'shop_tpl')
    await postgres.sql('CHECKPOINT')
    const server = new FixtureServer(postgres, slot, version)
    server.#log = await open(join(postgres.socketDir, 'data/log/server.log'))
    server.#roles = await server.#readRoles()
    server.#members = await server.#readMembers()
    await server.reset()
    return server
  }

  async stop(): Promise<void> {
    await this.#admin?.end().catch(() => undefined)
    await this.#log?.close()
    rmSync(this.file, { force: true })
    await this.postgres.stop()
  }

  /** First line `ERR …`, or cells joined by `,` and rows by `|`, at most 200 characters. */
  async probe(sql: string, database = 'shop'): Promise<string> {
    const client = this.#client(database)
    try {
      await client.connect()
      const { rows } = await client.query<(string | null)[]>({ text: sql, rowMode: 'array' })
      return rows.map((row) => row.map((value) => value ?? '').join(',')).join('|').slice(0, 200) // prettier-ignore
    } catch (cause) {
      return `ERR ${cause instanceof Error ? cause.message.split('\n')[0]?.slice(0, 120) : ''}`
    } finally {
      await client.end().catch(() => undefined)
    }
  }

  async setup(statements: string | readonly SetupStatement[]): Promise<void> {
    const client = this.#client('shop')
    await client.connect()
    try {
      for (const statement of [statements].flat()) {
        await client.query('RESET ROLE')
        if (typeof statement !== 'string') await client.query(`SET ROLE "${statement.as}"`)
        await client.query(typeof statement === 'string' ? statement : statement.sql)
      }
    } finally {
      await client.end().catch(() => undefined)
    }
  }

  async admin<T extends object>(sql: string, values: unknown[] = []): Promise<readonly T[]> {
    this.#admin ??= await this.#connectAdmin()
    try {
      const { rows } = await this.#admin.query(sql, values)
      return rows as readonly T[]
    } catch (cause) {
      if (!(cause instanceof Error) || !/terminat|closed|ended|ECONN/i.test(cause.message)) throw cause
      this.#admin = await this.#connectAdmin()
      const { rows } = await this.#admin.query(sql, values)
      return rows as readonly T[]
    }
  }

  /** Forgets what the log says up to now. */
  async markLog(): Promise<void> {
    this.#logAt = (await this.#log?.stat())?.size ?? 0
  }

  /** What the server logged since {@link markLog}, white space as one blank. */
  async readLog(): Promise<string> {
    const size = (await this.#log?.stat())?.size ?? 0
    const buffer = Buffer.alloc(Math.max(0, Math.min(size - this.#logAt, 4 * 1024 * 1024)))
    await this.#log?.read(buffer, 0, buffer.length, this.#logAt)
    return buffer.toString('utf8').replaceAll(/\s+/g, ' ')
  }

  /** No session of the last case lives on; everything it changed is undone. */
  async clean(): Promise<void> {
    await this.#settle()
    if (existsSync(this.file) || (await this.#signature()) !== this.#state) await this.reset()
  }

  async reset(): Promise<void> {
    rmSync(this.file, { force: true })
    await this.#restoreRoles()
    await this.#restoreServer()
    await this.admin('DROP DATABASE IF EXISTS shop WITH (FORCE)')
    // Before 15 there is no other way to copy.
    const strategy = this.#version === '18' ? 'STRATEGY file_copy' : ''
    await this.admin(`CREATE DATABASE shop TEMPLATE shop_tpl OWNER shop_owner ${strategy}`)
    this.#state = await this.#signature()
  }

  /** Until nothing runs any more, or half a minute; what still runs then is ended. */
  async settleWrites(): Promise<void> {
    for (let n = 0; n < 30; n += 1) {
      const [row] = await this.admin<{ count: string }>("SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop' AND state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()") // prettier-ignore
      if (row?.count === '0') return
      await delay(10)
    }
  }

  async #settle(): Promise<void> {
    const others = "backend_type IN ('client backend', 'walsender') AND pid <> pg_backend_pid()"
    for (let n = 0; n < 40; n += 1) {
      const [row] = await this.admin<{ count: string }>(`SELECT count(*) FROM pg_stat_activity WHERE ${others}`)
      if (row?.count === '0') return
      if (n === 15) await this.admin(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${others}`)
      await delay(10)
    }
  }

  async #signature(): Promise<string> {
    const [row] = await this.admin<object>(`SELECT pg_current_wal_insert_lsn()::text,
      (SELECT count(*) FROM pg_replication_slots) AS slots, (SELECT count(*) FROM pg_prepared_xacts) AS xacts,
      (SELECT size FROM pg_stat_file('postgresql.auto.conf')) AS conf,
      (SELECT string_agg(datname, ',' ORDER BY 1) FROM pg_database) AS databases,
      (SELECT setting FROM pg_settings WHERE name = 'log_statement') AS log`)
    return JSON.stringify(row)
  }

  #readRoles(): Promise<readonly Role[]> {
    return this.admin<Role>("SELECT rolname, rolcreaterole, rolcreatedb, rolreplication, rolpassword, rolsuper, rolbypassrls FROM pg_authid WHERE rolname !~ '^pg_'") // prettier-ignore
  }

  async #readMembers(): Promise<readonly string[]> {
    const rows = await this.admin<{ member: string }>('SELECT DISTINCT format(\'%I TO %I\', r.rolname, m.rolname) AS member FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.roleid JOIN pg_roles m ON m.oid = a.member') // prettier-ignore
    return rows.map(({ member }) => member)
  }

  async #restoreRoles(): Promise<void> {
    const members = await this.#readMembers()
    for (const one of members) {
      if (this.#members.includes(one)) continue
      await this.admin(`REVOKE ${one.replace(' TO ', ' FROM ')} CASCADE`).catch(() => undefined)
    }
    for (const one of this.#members) if (!members.includes(one)) await this.admin(`GRANT ${one}`)
    for (const { rolname } of await this.#readRoles()) {
      if (this.#roles.some((role) => role.rolname === rolname)) continue
      await this.admin(`DROP OWNED BY "${rolname}" CASCADE`).catch(() => undefined)
      await this.admin(`DROP ROLE "${rolname}"`)
    }
    for (const role of this.#roles) {
      const no = (has: boolean, word: string): string => (has ? word : `NO${word}`)
      if (role.rolname !== 'postgres')
        await this.admin(`ALTER ROLE "${role.rolname}" ${no(role.rolcreaterole, 'CREATEROLE')} ${no(role.rolcreatedb, 'CREATEDB')} ${no(role.rolreplication, 'REPLICATION')} ${no(role.rolsuper, 'SUPERUSER')} ${no(role.rolbypassrls, 'BYPASSRLS')} LOGIN VALID UNTIL 'infinity' CONNECTION LIMIT -1`) // prettier-ignore
      if (role.rolpassword !== null) await this.admin(`ALTER ROLE "${role.rolname}" PASSWORD '${role.rolpassword}'`)
      await this.admin(`ALTER ROLE "${role.rolname}" RESET ALL`)
      await this.admin(`ALTER ROLE "${role.rolname}" IN DATABASE shop RESET ALL`).catch(() => undefined)
    }
  }

  async #restoreServer(): Promise<void> {
    for (const { gid, database } of await this.admin<{ gid: string; database: string }>(
      'SELECT gid, database FROM pg_prepared_xacts',
    ))
      // prettier-ignore
      await this.postgres.sql(`ROLLBACK PREPARED '${gid}'`, database)
    await this.admin('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active')
    const known = "('postgres', 'template0', 'template1', 'shop_tpl')"
    for (const { datname } of await this.admin<{ datname: string }>(
      `SELECT datname FROM pg_database WHERE datname NOT IN ${known}`,
    )) {
      // prettier-ignore
      await this.#dropSubscriptions(datname)
      await this.admin(`DROP DATABASE "${datname}" WITH (FORCE)`)
    }
    if (this.#version === '18') await this.admin('REVOKE SET ON PARAMETER log_statement FROM agent_rw')
    await this.admin('ALTER SYSTEM RESET ALL')
    await this.admin('SELECT pg_reload_conf()')
  }

  async #dropSubscriptions(database: string): Promise<void> {
    const names = await this.admin<{ subname: string }>('SELECT subname FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = $1', [database]) // prettier-ignore
    for (const { subname } of names)
      await this.postgres.sql(
        `ALTER SUBSCRIPTION "${subname}" DISABLE; ALTER SUBSCRIPTION "${subname}" SET (slot_name = NONE); DROP SUBSCRIPTION "${subname}"`,
        database,
      )
  }

  async #connectAdmin(): Promise<pg.Client> {
    const client = this.#client('postgres')
    client.on('error', () => undefined)
    await client.connect()
    return client
  }

  #client(database: string): pg.Client {
    return new pg.Client({
      host: this.postgres.socketDir,
      port: this.postgres.port,
      user: 'postgres',
      database,
      options: '-c lock_timeout=3s -c statement_timeout=15s -c default_transaction_read_only=off -c search_path=public',
      types: { getTypeParser: () => (value: string) => value },
    })
  }
}
