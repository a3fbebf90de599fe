import { afterEach, expect, it, vi } from 'vitest'
import { Catalog } from './catalog.ts'
import { ElsewhereParser } from './parse-elsewhere.ts'
import { PostgresAnalyzer } from './postgres-analyzer.ts'

const chain = (terms: number): string => `SELECT ${'1+'.repeat(terms)}1`
const patient = { deadlineMs: 10_000, idleMs: 60_000 }
const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()))
})

async function parserOf(options: typeof patient): Promise<ElsewhereParser> {
  const parser = await ElsewhereParser.load(options)
  open.push(parser)
  return parser
}

it('starts no thread before it is needed, and parses one text after the other', async () => {
  const parser = await parserOf(patient)
  expect(parser.isRunning).toBe(false)
  const answers = await Promise.all(['SELECT 1', 'SELEC 1', 'SELECT 2; SELECT 3'].map((sql) => parser.parse(sql)))
  expect(answers.map(({ kind }) => kind)).toEqual(['Parsed', 'SyntaxError', 'Parsed'])
  expect(answers[2]).toMatchObject({ statements: [{ start: 0, end: 8 }, { start: 10 }] })
  expect(parser.isRunning).toBe(true)
})

it('takes the deepest text there may be apart, and says that it is too deep to be judged', async () => {
  const parser = await parserOf(patient)
  expect(await parser.parse(chain(120_000))).toEqual({ kind: 'TooDeep' })
  expect(await parser.parse(chain(300))).toMatchObject({ kind: 'Parsed' })
})

it('goes on with a new thread after one that took too long', async () => {
  const parser = await parserOf({ deadlineMs: 100, idleMs: 60_000 })
  expect(await parser.parse(chain(200_000))).toEqual({ kind: 'TooLong' })
  expect(parser.isRunning).toBe(false)
  expect(await parser.parse('SELECT 1')).toMatchObject({ kind: 'Parsed' })
})

it('goes on with a new thread after a parser that failed', async () => {
  const parser = await parserOf(patient)
  expect(await parser.parse(chain(600_000))).toEqual({ kind: 'Broken' })
  expect(parser.isRunning).toBe(false)
  expect(await parser.parse('SELECT 1')).toMatchObject({ kind: 'Parsed' })
})

it('ends a thread that nobody needs', async () => {
  const parser = await parserOf({ deadlineMs: 10_000, idleMs: 1 })
  await parser.parse('SELECT 1')
  await vi.waitFor(() => expect(parser.isRunning).toBe(false))
  expect(await parser.parse('SELECT 2')).toMatchObject({ kind: 'Parsed' })
})

it('stops at what means more than it says', async () => {
  const parser = await parserOf(patient)
  expect(await parser.parse(`SELECT 1 IN (${'1,'.repeat(60_000)}1)`)).toEqual({ kind: 'TooLarge' })
  expect(parser.isRunning).toBe(false)
  const wide = `SELECT 1 IN (${'1,'.repeat(20_000)}1)`
  const answer = await parser.parse(wide)
  expect(answer.kind === 'Parsed' ? answer.statements[0]?.normalized : '').toMatch(/, \$20002\)$|,\$20002\)$/)
})

it(
  'judges as well as before after forty statements that would break a parser without room',
  { timeout: 60_000 },
  async () => {
    const analyzer = await PostgresAnalyzer.load(patient)
    open.push(analyzer)
    const none = { relations: [], functions: [], types: [], operators: new Map(), casts: [], foreignKeys: [] } as const
    const catalog = new Catalog({ serverVersion: '18.0', implicitCasts: new Set(), schemas: new Set(), ...none })
    const context = { catalog, database: 'shop', searchPath: ['public'] }
    const analyze = (sql: string): unknown => analyzer.analyze(Buffer.from(sql), context)
    for (let round = 0; round < 40; round += 1)
      expect(await analyze(chain(12_000))).toMatchObject({ problem: { reason: 'statement-too-large' } })
    // Short ones nest too deep for the walk, not for the parser.
    for (let round = 0; round < 40; round += 1)
      expect(await analyze(`DELETE FROM t WHERE ${'1+'.repeat(4_000)}1 > 0`)).toMatchObject({ kind: 'Statements' })
    expect(await analyze('SELECT 1')).toMatchObject({ statements: [{ problems: [] }] })
  },
)
