import type { DatabaseName, Version } from './targets.ts'
import type { DriverTools } from './tools.ts'
import { join } from 'node:path'

export interface Driver {
  readonly name: string
  readonly database: DatabaseName
  /** Absent: all. */
  readonly versions?: readonly Version[]
  /** A client program; the connection string is added as its last argument. */
  readonly command: (tools: DriverTools) => readonly string[]
}

const node = (file: string): Driver['command'] => () => [process.execPath, file] // prettier-ignore
const python = (file: string): Driver['command'] => (tools) => [tools.python, file] // prettier-ignore
const postgres = (name: string): Driver['command'] => (tools) => [process.execPath, `${name}.ts`, join(tools.postgresBin, name)] // prettier-ignore

export const drivers: readonly Driver[] = [
  { name: 'psql', database: 'psql', command: postgres('psql') },
  { name: 'pgbench', database: 'pgbench', command: postgres('pgbench') },
  { name: 'node-postgres', database: 'node_postgres', command: node('node-postgres.ts') },
  { name: 'postgres.js', database: 'postgres_js', command: node('postgres-js.ts') },
  { name: 'Drizzle', database: 'drizzle', command: node('drizzle.ts') },
  { name: 'psycopg 3', database: 'psycopg', command: python('psycopg_client.py') },
  { name: 'SQLAlchemy', database: 'sqlalchemy', command: python('sqlalchemy_client.py') },
  // Django 5.2 asks for PostgreSQL 14.
  { name: 'Django', database: 'django', versions: ['18'], command: python('django_client.py') },
  { name: 'pgx', database: 'pgx', command: (tools) => [tools.pgx] },
  { name: 'pgjdbc', database: 'pgjdbc', command: (tools) => ['java', '-cp', tools.jar, 'Pgjdbc.java'] },
]
