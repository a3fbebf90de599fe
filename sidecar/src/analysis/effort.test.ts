import { afterAll, beforeAll, expect, it } from 'vitest'
import { Catalog, type CatalogColumn } from './catalog.ts'
import { PostgresAnalyzer } from './postgres-analyzer.ts'

const column = (name: string, attribute: number): CatalogColumn => ({ name, attribute, typeOid: 23, notNull: true, generated: null }) // prettier-ignore
const catalog = new Catalog({
  serverVersion: '18.0',
  relations: [
    {
      oid: 16_384,
      schema: 'public',
      name: 't',
      kind: 'Table',
      columns: [column('a', 1), column('b', 2)],
      definition: null,
      ancestors: [],
      descendants: [],
      hasRules: false,
      triggers: [],
    },
  ],
  functions: [],
  types: [],
  operators: new Map(),
  casts: [],
  implicitCasts: new Set(),
  schemas: new Set(['public']),
  foreignKeys: [],
})

let analyzer: PostgresAnalyzer
beforeAll(async () => {
  analyzer = await PostgresAnalyzer.load()
})
afterAll(() => analyzer.close())

const many = (count: number, item: (index: number) => string, between = ','): string =>
  Array.from({ length: count }, (_, index) => item(index)).join(between)

/** Each would take minutes or all memory if it were followed to its end. */
const endless: Readonly<Record<string, string>> = {
  'columns that double with each query of WITH': `WITH a0 AS (SELECT * FROM t), ${many(40, (n) => `a${n + 1} AS (SELECT * FROM a${n} x, a${n} y)`)} SELECT 1 FROM a40`, // prettier-ignore
  'recursions inside recursions': Array.from({ length: 40 }).reduce<string>((query, _, n) => `WITH RECURSIVE r${n} AS (${query} UNION ALL SELECT a FROM r${n}) SELECT a FROM r${n}`, 'SELECT a FROM t'), // prettier-ignore
  'names that are looked for among many tables': `SELECT ${many(1000, () => 'a')} FROM ${many(900, (n) => `t t${n}`)}`,
}

it.each(Object.entries(endless))('refuses %s', async (_name, sql) => {
  const context = { catalog, database: 'shop', searchPath: ['public'] }
  const result = await analyzer.analyze(Buffer.from(sql), context)
  const [facts] = result.kind === 'Statements' ? result.statements : []
  expect(facts?.problems.map(({ reason }) => reason)).toContain('statement-too-large')
})

it('compares what WHERE says without comparing each with each', async () => {
  const context = { catalog, database: 'shop', searchPath: ['public'] }
  const judge = async (where: string): Promise<string | undefined> => {
    const result = await analyzer.analyze(Buffer.from(`DELETE FROM t WHERE ${where}`), context)
    return result.kind === 'Statements' ? result.statements[0]?.effects[0]?.where : undefined
  }
  const long = many(9_000, (n) => (n % 2 === 0 ? `a = ${n}` : `b <> ${n}`), ' OR ')
  expect(await judge(long)).toBe('Filtered')
  expect(await judge(`${long} OR a <> 4`)).toBe('Tautology')
  expect(await judge(`a IN (${many(20_000, String)})`)).toBe('Filtered')
  expect(await judge(`a IN (${many(20_000, String)}, a)`)).toBe('Tautology')
  expect(await judge('a > 1 OR b IS NULL OR a <= 1')).toBe('Tautology')
  expect(await judge('b IS NOT NULL OR a = 1 OR b IS NULL')).toBe('Tautology')
  expect(await judge('a = 1 OR NOT a = 1')).toBe('Tautology')
  expect(await judge('a = 1 OR a <> 2')).toBe('Filtered')
})
