import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { issueAuthority, issueServing } from '../../controller/src/certificates/issue.ts'
import { startPostgres, type Postgres } from '../rig/postgres.ts'

const folder = join(import.meta.dirname, '../../examples/shop')

export interface Shop {
  readonly postgres: Postgres
  /** PEM of the authority the server's certificate is trusted by. */
  readonly ca: string
  /** A digest of every row of every table. */
  readonly digest: () => Promise<string>
  /** A manifest of examples/shop, with the ports of this machine. */
  readonly manifest: (name: string) => string
}

/** PostgreSQL over TLS with a shop in it, as examples/shop has it. */
export async function openShop(localPort: number): Promise<Shop> {
  const day = 86_400_000
  const authority = await issueAuthority('demo', Date.now(), day)
  const tls = await issueServing(authority, ['127.0.0.1', 'localhost'], Date.now(), day)
  const postgres = await startPostgres({ tls, hba: ['hostssl all all 127.0.0.1/32 scram-sha-256'] })
  await postgres.sql('CREATE DATABASE shop')
  await postgres.file(join(folder, 'seed.sql'), 'shop')
  const tables = ['customers', 'orders', 'employees']
  const rows = tables.map((table) => `SELECT '${table}' || t::text AS line FROM ${table} AS t`).join(' UNION ALL ')
  return {
    postgres,
    ca: authority.cert,
    digest: () => postgres.sql(`SELECT md5(string_agg(line, ',' ORDER BY line)) FROM (${rows}) AS everything`, 'shop'),
    manifest: (name) =>
      readFileSync(join(folder, name), 'utf8')
        .replace('host: orders-db.prod.svc', 'host: 127.0.0.1')
        .replace('port: 5432', `port: ${postgres.port}`)
        .replace('localPort: 15432', `localPort: ${localPort}`),
  }
}
