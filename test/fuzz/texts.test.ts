/**
 * Texts that are nearly SQL: none crashes or stops the analysis, and where statements are judged, the server's own parser
 * sees the same ones, and the same of them that write.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { loadCatalog, type Catalog } from '../../sidecar/src/analysis/load-catalog.ts'
import { PostgresAnalyzer } from '../../sidecar/src/analysis/postgres-analyzer.ts'
import type { StatementFacts } from '../../sidecar/src/model/statement-facts.ts'
import { startPostgres, type Postgres } from '../rig/postgres.ts'
import { fuzzConfig } from './config.ts'
import { mutateSql } from './mutate-sql.ts'
import { Random } from './random.ts'
import { ServerParse } from './server-parse.ts'
import { watchSteady } from './steady.ts'

const { seed, texts } = fuzzConfig()
const corpora = join(import.meta.dirname, '../corpora')

let postgres: Postgres
let catalog: Catalog
/** One tells of statements that define, the other of those that write, too. */
let [definers, writers]: ServerParse[] = []

beforeAll(async () => {
  postgres = await startPostgres()
  await postgres.sql('CREATE DATABASE shop')
  for (const level of ['ddl', 'mod'])
    await postgres.sql(
      `CREATE ROLE tells_${level} LOGIN; ALTER ROLE tells_${level} SET log_statement = '${level}';
       ALTER ROLE tells_${level} SET log_min_messages = 'panic'`,
    )
  await postgres.file(join(corpora, 'fixture-postgres.sql'), 'shop')
  const client = new pg.Client({ host: postgres.socketDir, port: postgres.port, user: 'postgres', database: 'shop' })
  await client.connect()
  catalog = await loadCatalog(async (text) => {
    const types = { getTypeParser: () => (value: string) => value }
    return (await client.query<(string | null)[]>({ text, rowMode: 'array', types })).rows
  })
  await client.end()
  const path = join(postgres.socketDir, `.s.PGSQL.${postgres.port}`)
  definers = await ServerParse.connect(path, 'tells_ddl', 'postgres')
  writers = await ServerParse.connect(path, 'tells_mod', 'postgres')
})

afterAll(async () => {
  definers?.close()
  writers?.close()
  await postgres.stop()
})

/** Statements of the corpora, short enough that a change matters. */
function knownTexts(): readonly string[] {
  return ['attacks-postgres', 'benign-postgres'].flatMap((name) =>
    readFileSync(join(corpora, `${name}.jsonl`), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .flatMap((line) => {
        const { sql } = JSON.parse(line) as { readonly sql?: string }
        return sql !== undefined && sql.length < 2000 ? [sql] : []
      }),
  )
}

it(`${texts} mutated texts of seed ${seed}`, { timeout: 7_200_000 }, async () => {
  const random = new Random(seed)
  const analyzer = await PostgresAnalyzer.load()
  const context = { catalog, database: 'shop', searchPath: ['public'] }
  const known = knownTexts()
  const steady = watchSteady(texts)
  const seen = { judged: 0, same: 0, refused: 0 }
  const differences: string[] = []
  for (let count = 0; count < texts; count += 1) {
    const text = Buffer.from(mutateSql(random, random.pick(known), random.pick(known)))
    const analyzed = await steady.run(() => analyzer.analyze(text, context))
    if (analyzed.kind === 'Refused') {
      expect(analyzed.problem.object, text.toString()).not.toBe('the parser failed')
      continue
    }
    seen.judged += 1
    const difference = await compare(text, analyzed.statements)
    if (difference === null) seen.same += 1
    else if (difference === 'Refused') seen.refused += 1
    else differences.push(`${JSON.stringify(text.toString())}: ${difference}`)
  }
  console.log(`${seen.judged} of ${texts} texts judged: ${seen.same} as the server sees them, ${seen.refused} it refuses, slowest ${steady.slowestMs.toFixed(0)} ms`) // prettier-ignore
  expect(differences.slice(0, 10)).toEqual([])
  expect(seen.judged).toBeGreaterThan(texts / 10)
  expect(seen.same).toBeGreaterThan(seen.judged / 2)
  expect(steady.slowestMs).toBeLessThan(1000)
  expect(steady.grownBytes()).toBeLessThan(32 << 20)
})

/**
 * Each part that was judged must be one statement to the server, what lies between them none, and it must write, or
 * define, where we say so. Null: it is so.
 */
async function compare(text: Buffer, statements: readonly StatementFacts[]): Promise<string | null> {
  if (!definers || !writers) throw new Error('no server')
  let end = 0
  for (const { span, ...facts } of statements) {
    const between = text.subarray(end, span.start)
    if ((await definers.count(between)) !== 'None') return `between statements: ${between.toString()}`
    const part = text.subarray(span.start, span.end)
    const count = await definers.count(part)
    if (count === 'Refused') return 'Refused'
    if (count !== 'One' && facts.action.kind !== 'Transaction') return `${facts.kind} is ${count}: ${part.toString()}`
    const known = classOf(facts)
    const found = (await definers.isLogged(part)) ? 'Defines' : (await writers.isLogged(part)) ? 'Writes' : 'Neither'
    if (known !== null && known !== found) return `${facts.kind} ${known}, the server says ${found}: ${part.toString()}`
    end = span.end
  }
  return (await definers.count(text.subarray(end))) === 'None' ? null : `behind the last statement`
}

/** As `GetCommandLogLevel` has it; null where it looks at more than the kind. */
function classOf({ kind, tags }: Pick<StatementFacts, 'kind' | 'tags'>): 'Defines' | 'Writes' | 'Neither' | null {
  switch (kind) {
    case 'InsertStmt':
    case 'UpdateStmt':
    case 'DeleteStmt':
    case 'MergeStmt':
    case 'TruncateStmt':
      return 'Writes'
    case 'SelectStmt':
      return tags.includes('Ddl') ? null : 'Neither'
    case 'TransactionStmt':
    case 'VariableSetStmt':
    case 'VariableShowStmt':
    case 'DeclareCursorStmt':
    case 'FetchStmt':
    case 'LockStmt':
    case 'DoStmt':
    case 'NotifyStmt':
      return 'Neither'
    case 'CreateStmt':
    case 'ViewStmt':
    case 'IndexStmt':
    case 'AlterTableStmt':
    case 'DropStmt':
    case 'GrantStmt':
    case 'CreateFunctionStmt':
      return 'Defines'
    default:
      return null
  }
}
