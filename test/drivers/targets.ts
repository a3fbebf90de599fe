/** The way a driver takes to the database. */
export type Way = 'direct' | 'sidecar' | 'guarded'

export interface Server {
  readonly version: Version
  /** Folder of the unix socket, where the superuser is trusted. */
  readonly socketDir: string
  /** Where sessions connect as `app` with the password `app`: the server itself, and the sidecar under three grants. */
  readonly ports: Readonly<Record<Way | 'dump', number>>
}

export const versions = ['18', '13'] as const
export type Version = (typeof versions)[number]

/** One database for each, so that none sees what another wrote. */
export const databases = [
  'psql',
  'pg_dump',
  'pgbench',
  'node_postgres',
  'postgres_js',
  'drizzle',
  'psycopg',
  'sqlalchemy',
  'django',
  'pgx',
  'pgjdbc',
] as const
export type DatabaseName = (typeof databases)[number]

declare module 'vitest' {
  interface ProvidedContext {
    readonly driverServers: readonly Server[]
  }
}
