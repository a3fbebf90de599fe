/** node-postgres with its cursors, streams and COPY. Argument: a connection string. */
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { text } from 'node:stream/consumers'
import pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'
import { observe } from './report.ts'

const connectionString = process.argv[2] ?? ''
const settings: Record<string, string> = {}
const notices: string[] = []

async function open(config: pg.ClientConfig = {}): Promise<pg.Client> {
  const client = new pg.Client({ connectionString, ...config })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

const client = new pg.Client({ connectionString })
client.on('notice', ({ code, message, severity }) => notices.push(`${severity} ${code} ${message}`))
;(client as unknown as { connection: NodeJS.EventEmitter }).connection.on(
  'parameterStatus',
  ({ parameterName, parameterValue }: { readonly parameterName: string; readonly parameterValue: string }) => {
    settings[parameterName] = parameterValue
  },
)
await client.connect()

const rows = async (sql: string, values?: unknown[]): Promise<unknown> => (await client.query(sql, values)).rows
/** All of a result, or of each of several, without the driver's own objects. */
const whole = async (query: string | pg.QueryConfig | pg.QueryArrayConfig): Promise<unknown> =>
  [await (client.query(query) as unknown as Promise<pg.QueryResult | pg.QueryResult[]>)]
    .flat()
    .map(({ command, rowCount, oid, rows: found, fields }) => ({ command, rowCount, oid, found, fields }))
const startsAgain = async (): Promise<void> => {
  await client.query('ROLLBACK')
}

await observe('parameter status', () => Promise.resolve(settings))
await observe('types, text, simple', () => whole('SELECT * FROM samples ORDER BY id'))
await observe('types, text, extended', () => rows('SELECT * FROM samples WHERE id > $1 ORDER BY id', [0]))
await observe('types, binary', async () => {
  const plain = 'id, a_bool, a_int2, a_int4, a_float4, a_float8, a_text, a_varchar, a_timestamp'
  const query = { text: `SELECT ${plain} FROM samples WHERE id > $1 ORDER BY id`, values: [0], binary: true }
  const { rows: found, fields } = await client.query(query)
  return { found, fields }
})
await observe('parameters of many types', () =>
  rows('SELECT $1::int i, $2::text t, $3::bytea b, $4::jsonb j, $5::int[] a, $6::timestamptz d, $7::bool n', [
    42,
    'a "b" \'c\' \\',
    Buffer.from([0, 255, 39]),
    { a: [1, null] },
    [1, null, 3],
    new Date('2024-02-29T12:00:00Z'),
    null,
  ]),
)
await observe(
  'parameters, 1,000',
  () =>
  rows(`SELECT count(*) FROM numbers WHERE n IN (${Array.from({ length: 1000 }, (_, n) => `$${n + 1}`).join()})`, Array.from({ length: 1000 }, (_, n) => n)), // prettier-ignore
)
for (const name of ['first', 'second', 'third'])
  await observe(`prepared, ${name} time`, () =>
    whole({ name: 'by-id', text: 'SELECT name FROM authors WHERE id = $1', values: [1] }),
  )
await observe('result as arrays', () => whole({ text: 'SELECT id, name FROM authors ORDER BY id', rowMode: 'array' })) // prettier-ignore
await observe('INSERT … RETURNING', () => whole("INSERT INTO authors (name) VALUES ('Woolf'), ('Joyce') RETURNING id, name")) // prettier-ignore
await observe('UPDATE', () => whole({ text: 'UPDATE authors SET rating = 8 WHERE name = $1', values: ['Woolf'] }))
await observe('DELETE', () => whole("DELETE FROM authors WHERE name = 'Joyce'"))
await observe('INSERT … ON CONFLICT', () => whole("INSERT INTO authors (name) VALUES ('Woolf') ON CONFLICT (name) DO UPDATE SET rating = 9 RETURNING rating")) // prettier-ignore
await observe('empty query', () => whole(''))
await observe('two statements in one', () => whole('SELECT 1 AS a; SELECT 2 AS b, 3 AS c'))
await observe('writes in one', () => whole("INSERT INTO copied VALUES (1, 'x', 1); UPDATE copied SET id = 2 WHERE id = 1; SELECT * FROM copied")) // prettier-ignore
await observe('error: second of two', () => whole('INSERT INTO copied VALUES (3); SELECT 1 / (id - id) FROM copied'))
await observe('… and the first is gone', () => rows('SELECT id FROM copied ORDER BY id'))
await observe('transaction in one', () => whole('BEGIN; SELECT count(*) FROM copied; COMMIT; SELECT 2'))
await observe('write and COMMIT in one', () => whole('BEGIN; UPDATE copied SET id = 2 WHERE id = 2; COMMIT'))
await observe('rolled back', async () => {
  await client.query('BEGIN')
  await client.query("INSERT INTO authors (name) VALUES ('nobody')")
  await client.query('ROLLBACK')
  return rows("SELECT count(*) FROM authors WHERE name = 'nobody'")
})
await observe('savepoints', async () => {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
  await client.query('SAVEPOINT one')
  const failed = await client.query('SELECT 1 / 0').catch((cause: unknown) => String(cause))
  await client.query('ROLLBACK TO SAVEPOINT one')
  const after = await rows('SELECT count(*) FROM authors')
  await client.query('RELEASE one')
  await client.query('COMMIT')
  return { failed, after }
})
await client.query('BEGIN')
await observe('error: in a transaction', () => rows('SELECT 1 / (id - 1) FROM authors WHERE id = $1', [1]))
await observe('error: after an error', () => rows('SELECT 1'))
await startsAgain()
await observe('failed transaction after SET search_path', async () => {
  await client.query('SET search_path = public, pg_catalog')
  await client.query('BEGIN')
  const failed = await rows('SELECT 1 / 0').catch((cause: unknown) => String(cause))
  const after = await client.query({ name: 'after', text: 'SELECT 1' }).catch((cause: unknown) => String(cause))
  await client.query({ name: 'rollback', text: 'ROLLBACK' })
  const found = await rows('SELECT count(*) FROM authors')
  await client.query('RESET search_path')
  return { failed, after, found }
})
await observe('error: unique', () => rows("INSERT INTO authors (name) VALUES ('Ada Byron')"))
await observe('error: foreign key', () => rows("INSERT INTO books (author_id, title) VALUES ($1, 'x')", [999]))
await observe('error: check', () => rows('UPDATE authors SET rating = -1 WHERE id = 1'))
await observe('error: not null', () => rows('INSERT INTO authors (name) VALUES ($1)', [null]))
await observe('error: value of a type', () => rows('SELECT * FROM authors WHERE id = $1', ['abc']))
await observe('error: cast', () => rows("SELECT 'abc'::int"))
await observe('error: syntax', () => rows('SELEC 1'))
await observe('error: unknown table', () => rows('SELECT * FROM nowhere'))
await observe('error: unknown column', () => rows('SELECT nothing FROM authors'))
await observe('cursor', async () => {
  const cursor = client.query(new Cursor<object>('SELECT n, word FROM numbers WHERE n <= $1 ORDER BY n', [10]))
  const pages = [await cursor.read(3), await cursor.read(4), await cursor.read(10), await cursor.read(10)]
  await cursor.close()
  return pages
})
await observe('cursor closed early', async () => {
  const cursor = client.query(new Cursor<object>('SELECT n FROM numbers ORDER BY n'))
  const page = await cursor.read(2)
  await cursor.close()
  return { page, next: await rows('SELECT 1 AS one') }
})
await observe('stream of 10,000 rows', async () => {
  let [count, sum] = [0, 0]
  const stream = client.query(new QueryStream('SELECT n FROM numbers', [], { batchSize: 500 }))
  for await (const { n } of stream as AsyncIterable<{ n: number }>) [count, sum] = [count + 1, sum + n]
  return { count, sum }
})
await observe('SQL cursor', async () => {
  await client.query('BEGIN')
  await client.query('DECLARE page SCROLL CURSOR FOR SELECT n FROM numbers ORDER BY n')
  const pages = [
    await rows('FETCH 2 FROM page'),
    await rows('MOVE 5 IN page'),
    await rows('FETCH BACKWARD 2 FROM page'),
  ]
  await client.query('CLOSE page')
  await client.query('COMMIT')
  return pages
})
await observe('10,000 rows', async () => {
  const { rows: found, rowCount } = await client.query<{ n: number; word: string }>('SELECT * FROM numbers ORDER BY n')
  return { rowCount, last: found.at(-1) }
})
await observe('1 MB there and back', async () => {
  const body = 'ü1234567'.repeat(120_000)
  const bytes = Buffer.alloc(1 << 20, 0xa5)
  await client.query('INSERT INTO blobs VALUES (1, $1, $2)', [body, bytes])
  const { rows: [found] } = await client.query<{ body: string; bytes: Buffer }>('SELECT body, bytes FROM blobs WHERE id = 1') // prettier-ignore
  return [found?.body === body, found?.bytes.equals(bytes)]
})
await observe('COPY in', async () => {
  const stream = client.query(copyFrom('COPY copied (id, label, amount) FROM STDIN'))
  await pipeline(Readable.from(Array.from({ length: 2000 }, (_, n) => `${n}\tlabel ${n}\t\\N\n`)), stream)
  return { count: stream.rowCount, rows: await rows('SELECT count(*), max(id) FROM copied') }
})
await observe('COPY out', () => text(client.query(copyTo("COPY (SELECT * FROM numbers WHERE n < 4) TO STDOUT WITH CSV HEADER")))) // prettier-ignore
await observe('COPY out of a table', async () => (await text(client.query(copyTo('COPY numbers TO STDOUT')))).length)
await observe('error: COPY in', () => pipeline(Readable.from(['1\tx\t1\n', 'no number\tx\t1\n']), client.query(copyFrom('COPY copied FROM STDIN')))) // prettier-ignore
await observe('after COPY', () => rows('SELECT count(*) FROM copied'))
await observe('SET and SHOW', async () => {
  await client.query("SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German'")
  const changed = { ...settings }
  await client.query('RESET TimeZone')
  await client.query('RESET DateStyle')
  return [changed.TimeZone, changed.DateStyle, settings.TimeZone, settings.DateStyle, await rows('SHOW server_version')]
})
await observe('notices', async () => {
  await client.query('COMMIT')
  await client.query('BEGIN; BEGIN; ROLLBACK')
  return notices
})
await observe('error: cancelled', async () => {
  const other = new pg.Client({ connectionString })
  const query = new pg.Query('SELECT a.n FROM numbers a, numbers b')
  const events = query as unknown as NodeJS.EventEmitter
  const ended = once(events, 'error')
  // Its first row says that it runs.
  events.once('row', () => {
    ;(other as unknown as { cancel(client: pg.Client, query: pg.Query): void }).cancel(client, query)
  })
  events.on('row', () => undefined)
  client.query(query)
  throw (await ended)[0] as Error
})
await observe('error: statement_timeout', async () => {
  const impatient = await open({ statement_timeout: 200 })
  return impatient.query('SELECT count(*) FROM numbers a, numbers b, numbers c').finally(() => impatient.end())
})
await observe('options and application_name', async () => {
  const other = await open({ application_name: 'my tool', options: '-c DateStyle=SQL -c search_path=public' })
  const found = await other.query("SELECT current_setting('application_name') a, current_setting('DateStyle') d, current_schemas(false) s") // prettier-ignore
  await other.end()
  return found.rows as unknown
})
await observe('pool of 5', async () => {
  const pool = new pg.Pool({ connectionString, max: 5 })
  const asked = Array.from({ length: 20 }, (_, n) => pool.query('SELECT word FROM numbers WHERE n = $1', [n + 1]))
  const found = (await Promise.all(asked)).map((result) => result.rows as unknown)
  await pool.end()
  return found
})
await observe('queued on one connection', async () =>
  (await Promise.allSettled([rows('SELECT 1 AS a'), rows('SELECT 1 / $1 AS b', [0]), rows('SELECT 3 AS c')])).map(
    (each) =>
      // prettier-ignore
      each.status === 'fulfilled' ? each.value : String(each.reason),
  ),
)
await observe('refused: UPDATE of all', () => rows('UPDATE authors SET rating = 5'))
await observe('refused: LISTEN', () => rows('LISTEN channel'))
await observe('closing', async () => {
  await client.end()
  return client.query('SELECT 1').then(
    () => 'open',
    () => 'closed',
  )
})
