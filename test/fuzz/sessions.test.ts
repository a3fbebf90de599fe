/**
 * Sessions in an order that no driver would choose, some of their bytes changed: every one ends, the sidecar lives on, and
 * whatever the server says it ran has its intent in the record, as allowed, in the same session.
 */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { loadParser, parseStatements } from '../../sidecar/src/analysis/parse-statements.ts'
import { searchPathQuery } from '../../sidecar/src/session/segment.ts'
import { startupMessage } from '../../sidecar/src/wire/postgres/encode.ts'
import { startPostgres, type Postgres } from '../rig/postgres.ts'
import { digestOfStatement } from '../rig/recorded-statements.ts'
import { startStandalone, type Standalone } from '../rig/standalone.ts'
import { fuzzConfig } from './config.ts'
import { Random } from './random.ts'
import { sessionBytes } from './sessions.ts'

const { seed, sessions } = fuzzConfig()
const secrets = ['alpha-secret', 'beta-secret', 'nobody-may-see']

let postgres: Postgres
let sidecar: Standalone

beforeAll(async () => {
  await loadParser()
  const settings = { log_statement: "'all'", logging_collector: 'on', log_destination: "'jsonlog'", log_filename: "'server.log'", log_min_messages: 'fatal' } // prettier-ignore
  postgres = await startPostgres({ settings })
  await postgres.sql(`CREATE ROLE app LOGIN PASSWORD 'app'; ALTER ROLE app SET log_min_messages = 'log';
    CREATE TABLE open (id int, note text, secret text);
    INSERT INTO open VALUES (1, 'first', '${secrets[0] ?? ''}'), (2, 'second', '${secrets[1] ?? ''}');
    CREATE TABLE hidden (id int, secret text); INSERT INTO hidden VALUES (1, '${secrets[2] ?? ''}');
    CREATE TABLE written (n int); GRANT ALL ON ALL TABLES IN SCHEMA public TO app`)
  sidecar = await startStandalone(postgres, {
    permissions: [
      { operations: ['Select'], relations: ['public.open', 'public.written'] },
      { operations: ['Insert', 'Update', 'Delete', 'CopyIn'], relations: ['public.written'], maxAffectedRows: 5 },
    ],
    limits: { rowsPerStatement: 50 },
    redacted: ['public.open.secret'],
  })
})

afterAll(async () => {
  await sidecar.stop()
  await postgres.stop()
})

it(`${sessions} sessions of seed ${seed}`, { timeout: 7_200_000 }, async () => {
  const random = new Random(seed)
  let slowestMs = 0
  for (let count = 0; count < sessions; count += 8) {
    const batch = Array.from({ length: Math.min(8, sessions - count) }, (_, index) => ({
      name: `fuzz-${count + index}`,
      bytes: sessionBytes(random),
    }))
    const startedMs = performance.now()
    for (const answer of await Promise.all(batch.map(({ name, bytes }) => converse(name, bytes))))
      for (const secret of secrets) expect(answer.includes(secret), secret).toBe(false)
    slowestMs = Math.max(slowestMs, performance.now() - startedMs)
  }
  await sidecar.process.stop()
  expect(sidecar.process.child.exitCode).toBe(0)
  const { executed, unknown } = compare()
  console.log(`${sessions} sessions, ${executed} statements run by the server, slowest eight ${slowestMs.toFixed(0)} ms`) // prettier-ignore
  expect(unknown.slice(0, 10)).toEqual([])
  expect(executed).toBeGreaterThan(sessions)
})

/** Says all of it at once. @returns everything that came until the connection was closed. @throws when it is not. */
function converse(name: string, bytes: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(sidecar.port, '127.0.0.1')
    const chunks: Buffer[] = []
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new Error(`${name} does not end: ${bytes.toString('hex')}`))
    }, 20_000)
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('error', () => undefined)
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(Buffer.concat(chunks).toString('latin1'))
    })
    const startup = startupMessage([['user', 'agent'], ['database', 'postgres'], ['application_name', name]]) // prettier-ignore
    socket.write(Buffer.concat([startup, bytes]))
  })
}

interface Logged {
  readonly application_name?: string
  readonly message?: string
  readonly detail?: string
}

/** Digests of what was allowed, by session. */
function allowedStatements(): ReadonlyMap<string, ReadonlySet<string>> {
  const allowed = new Map<string, Set<string>>()
  for (const line of sidecar.records()) {
    const record = JSON.parse(line) as { kind: string; phase: string; decision?: string; session?: { applicationName: string }; statement?: { digest: string } } // prettier-ignore
    if (record.kind !== 'Statement' || record.phase !== 'Intent' || record.decision !== 'Allow') continue
    const name = record.session?.applicationName ?? ''
    allowed.set(name, (allowed.get(name) ?? new Set()).add(record.statement?.digest ?? ''))
  }
  return allowed
}

/** Holds the server's log against the record, session by session. */
function compare(): { readonly executed: number; readonly unknown: readonly string[] } {
  const allowed = allowedStatements()
  let executed = 0
  const unknown: string[] = []
  for (const line of lines(join(postgres.socketDir, 'data/log/server.json'))) {
    const { application_name: name = '', message = '', detail = '' } = JSON.parse(line) as Logged
    const [, how = '', text = ''] = /^(statement|execute [^:]*): (.*)$/s.exec(message) ?? []
    if (!name.startsWith('fuzz-') || how === '' || isOurs(text)) continue
    const known = allowed.get(name) ?? new Set()
    const found = parts(text)
    executed += found.length
    if (!found.every((part) => isAllowed(part, detail, known))) unknown.push(`${name}: ${message} [${detail}]`)
  }
  return { executed, unknown }
}

function lines(path: string): readonly string[] {
  return readFileSync(path, 'utf8').split('\n').filter((line) => line !== '') // prettier-ignore
}

function isOurs(text: string): boolean {
  return text === searchPathQuery || text.includes('pg_stat_get_xact_tuples_inserted')
}

function parts(text: string): readonly string[] {
  const parsed = parseStatements(text)
  if (parsed.kind !== 'Parsed') return [text]
  const bytes = Buffer.from(text)
  return parsed.statements.map(({ start, end }) => bytes.toString('utf8', start, end))
}

/** EXECUTE and FETCH are recorded as what they run; the server tells of EXECUTE alone, and not always, what that is. */
function isAllowed(text: string, detail: string, allowed: ReadonlySet<string>): boolean {
  if (!/^\s*(EXECUTE|FETCH) /.test(text)) return allowed.has(digestOfStatement(text))
  const [, prepared] = /^prepare: (.*)$/s.exec(detail) ?? []
  if (prepared === undefined) return allowed.size > 0
  const statements = parts(prepared)
  return statements.length === 0 || statements.some((part) => allowed.has(digestOfStatement(part)))
}
