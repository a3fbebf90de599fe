/** postgres.js, whose messages go out before answers are in. Argument: a connection string. */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { text } from 'node:stream/consumers'
import postgres from 'postgres'
import { observe } from './report.ts'

const url = process.argv[2] ?? ''
const notices: unknown[] = []
const sql = postgres(url, {
  max: 1,
  onnotice: ({ code, message, severity }) => notices.push([severity, code, message]),
})
const settings = (sql as unknown as { parameters: Readonly<Record<string, string>> }).parameters

await observe('types', () => sql`SELECT * FROM samples ORDER BY id`)
await observe('parameter status', () => Promise.resolve(settings))
await observe('columns', async () => (await sql`SELECT id, a_text, a_pair, a_mood FROM samples LIMIT 1`).columns)
await observe('parameters', async () => {
  const when = new Date('2024-02-29T12:00:00Z')
  return sql`SELECT ${1}::int i, ${'a "b"'}::text t, ${Buffer.from([0, 255])}::bytea b, ${sql.json({ a: [1] })}::jsonb j,
    ${sql.array([1, 2])}::int[] a, ${when}::timestamptz d, ${null}::text n, ${true}::bool f`
})
await observe('types asked of the server', () => sql`INSERT INTO books ${sql({ author_id: 1, title: 'Sketch', tags: ['a', 'b'] })} RETURNING title, tags`) // prettier-ignore
for (const id of [1, 2, 3]) await observe(`prepared, ${id}`, () => sql`SELECT name FROM authors WHERE id = ${id}`)
await observe('helpers', () => sql`SELECT ${sql(['id', 'name'])} FROM ${sql('authors')} WHERE id IN ${sql([1, 2])} ORDER BY id`) // prettier-ignore
await observe('insert of many', async () => {
  const { count, command } = await sql`INSERT INTO copied ${sql([{ id: 1, label: 'a' }, { id: 2, label: 'b' }])}` // prettier-ignore
  return { count, command }
})
await observe(
  'update',
  async () => (await sql`UPDATE copied SET ${sql({ label: 'c' })} WHERE id = ${1} RETURNING *`)[0],
)
await observe('simple, two statements', () => sql`SELECT 1 AS a; SELECT 2 AS b`.simple())
await observe('unsafe', () => sql.unsafe('SELECT $1::int AS a', [7]))
await observe('describe', async () => {
  const { string, types, columns } = await sql`SELECT name FROM authors WHERE id = ${1} AND born > ${'1800-01-01'}`.describe() // prettier-ignore
  return { string, types, columns }
})
await observe('pipelined', async () =>
  (
    await Promise.allSettled([
      sql`SELECT 1 AS a`,
      sql`SELECT 1 / ${0}::int AS b`,
      sql`SELECT 3 AS c`,
      sql`SELECT name FROM authors WHERE id = ${2}`,
    ])
  ).map((each) =>
    // prettier-ignore
    each.status === 'fulfilled' ? each.value : String(each.reason),
  ),
)
await observe('transaction', () =>
  sql.begin(async (tx) => {
    await tx`INSERT INTO authors (name) VALUES ('Woolf')`
    const failed = await tx.savepoint((point) => point`SELECT 1 / ${0}::int`).catch((cause: unknown) => String(cause))
    return [failed, await tx`SELECT count(*) FROM authors`]
  }),
)
await observe('transaction, pipelined', () =>
  sql.begin((tx) => [tx`INSERT INTO authors (name) VALUES ('Joyce')`, tx`SELECT count(*) FROM authors`]),
)
await observe('error: ends a transaction', () =>
  sql.begin(async (tx) => {
    await tx`INSERT INTO authors (name) VALUES ('nobody')`
    await tx`INSERT INTO authors (name) VALUES ('nobody')`
  }),
)
await observe('… and undoes it', () => sql`SELECT count(*) FROM authors WHERE name = 'nobody'`)
await observe('error: foreign key', () => sql`INSERT INTO books (author_id, title) VALUES (${999}, 'x')`)
await observe('error: syntax', () => sql`SELEC 1`)
await observe('error: unknown table', () => sql`SELECT * FROM nowhere`)
await observe('cursor', async () => {
  const pages: unknown[] = []
  for await (const page of sql`SELECT n FROM numbers WHERE n < ${8} ORDER BY n`.cursor(3)) pages.push(page)
  return pages
})
await observe('cursor left early', async () => {
  const pages: unknown[] = []
  await sql`SELECT n FROM numbers ORDER BY n`.cursor(2, (page) => {
    pages.push(page)
    return pages.length === 2 ? sql.CLOSE : undefined
  })
  return pages
})
await observe('forEach', async () => {
  let sum = 0
  const { count } = await sql`SELECT n FROM numbers`.forEach(({ n }) => (sum += Number(n)))
  return { count, sum }
})
await observe('raw', async () => (await sql`SELECT a_bytea, a_text FROM samples ORDER BY id`.raw()).map((row) => (row as (Buffer | null)[]).map((value) => value?.toString('hex') ?? null))) // prettier-ignore
await observe('1 MB there and back', async () => {
  const body = 'ü1234567'.repeat(120_000)
  const bytes = Buffer.alloc(1 << 20, 0xa5)
  await sql`INSERT INTO blobs VALUES (1, ${body}, ${bytes})`
  const [found] = await sql<{ body: string; bytes: Buffer }[]>`SELECT body, bytes FROM blobs WHERE id = 1`
  return [found?.body === body, found?.bytes.equals(bytes)]
})
await observe('COPY in', async () => {
  const stream = await sql`COPY copied (id, label) FROM STDIN`.writable()
  await pipeline(Readable.from(Array.from({ length: 2000 }, (_, n) => `${n}\tlabel ${n}\n`)), stream)
  return sql`SELECT count(*), max(id) FROM copied`
})
await observe('COPY out', async () => text(await sql`COPY (SELECT * FROM numbers WHERE n < 4) TO STDOUT`.readable()))
await observe('notices', async () => {
  await sql`SET LOCAL DateStyle = 'German'`
  await sql`COMMIT`.simple()
  return notices
})
await observe('error: cancelled', async () => {
  const query = sql`SELECT a.n FROM numbers a, numbers b`
  // Its first row says that it runs; a query is cancelled once.
  await query.forEach(() => query.cancel())
})
await observe('pool', async () => {
  const pool = postgres(url, { max: 4 })
  const found = await Promise.all(Array.from({ length: 12 }, (_, n) => pool`SELECT word FROM numbers WHERE n = ${n + 1}`)) // prettier-ignore
  await pool.end()
  return found
})
await observe('no prepared statements', async () => {
  const plain = postgres(url, { max: 1, prepare: false, fetch_types: false })
  const found = [await plain`SELECT name FROM authors WHERE id = ${1}`, await plain`SELECT name FROM authors WHERE id = ${2}`] // prettier-ignore
  await plain.end()
  return found
})
await observe('refused: LISTEN', () => sql.listen('channel', () => undefined))
await observe('closing', async () => {
  await sql.end()
  return 'closed'
})
