/** Drizzle over node-postgres: queries that an ORM writes. Argument: a connection string. */
import { and, asc, count, desc, eq, gt, inArray, like, relations, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { alias, date, integer, jsonb, numeric, pgEnum, pgTable, pgView, text, timestamp } from 'drizzle-orm/pg-core'
import pg from 'pg'
import { observe } from './report.ts'

const authors = pgTable('authors', {
  id: integer().generatedByDefaultAsIdentity().primaryKey(),
  name: text().notNull().unique(),
  born: date(),
  rating: numeric({ precision: 3, scale: 1 }),
})
const books = pgTable('books', {
  id: integer().generatedByDefaultAsIdentity().primaryKey(),
  authorId: integer('author_id')
    .notNull()
    .references(() => authors.id),
  title: text().notNull(),
  price: numeric({ precision: 10, scale: 2 }).notNull().default('0'),
  tags: text().array().notNull().default([]),
  details: jsonb().$type<{ pages?: number }>(),
  added: timestamp({ withTimezone: true }).notNull().default(new Date('2024-01-01T00:00:00Z')),
})
const mood = pgEnum('mood', ['sad', 'ok', 'happy'])
const samples = pgTable('samples', { id: integer().primaryKey(), mood: mood('a_mood'), json: jsonb('a_jsonb') })
const titles = pgView('book_titles', { id: integer(), author: text(), title: text() }).existing()
const authorsHave = relations(authors, ({ many }) => ({ books: many(books) }))
const booksHave = relations(books, ({ one }) => ({
  author: one(authors, { fields: [books.authorId], references: [authors.id] }),
}))
const numbers = pgTable('numbers', { n: integer().primaryKey(), word: text().notNull() })

const pool = new pg.Pool({ connectionString: process.argv[2] ?? '', max: 2 })
const db = drizzle(pool, { schema: { authors, books, samples, titles, authorsHave, booksHave } })

await observe('select', () => db.select().from(authors).orderBy(authors.id))
await observe('where', () =>
  db
    .select()
    .from(books)
    .where(and(gt(books.price, '8.5'), like(books.title, '%e%'))),
)
await observe('in', () =>
  db
    .select({ id: books.id })
    .from(books)
    .where(inArray(books.id, [1, 2, 3]))
    .orderBy(desc(books.id)),
)
await observe(
  'join',
  () =>
  db.select({ author: authors.name, title: books.title }).from(books).innerJoin(authors, eq(authors.id, books.authorId)).orderBy(asc(books.id)), // prettier-ignore
)
await observe('self join', () => {
  const other = alias(books, 'other')
  return db.select({ a: books.title, b: other.title }).from(books).innerJoin(other, and(eq(other.authorId, books.authorId), gt(other.id, books.id))) // prettier-ignore
})
await observe(
  'aggregate',
  () =>
  db.select({ author: books.authorId, books: count(), most: sql<string>`max(${books.price})` }).from(books).groupBy(books.authorId).having(gt(count(), 0)).orderBy(books.authorId), // prettier-ignore
)
await observe('subquery and CTE', () => {
  const dear = db
    .$with('dear')
    .as(db.select({ id: books.id, title: books.title }).from(books).where(gt(books.price, '9')))
  return db.with(dear).select().from(dear).orderBy(dear.id)
})
await observe('view', () => db.select().from(titles).orderBy(titles.id))
await observe('relations', () => db.query.authors.findMany({ with: { books: { columns: { title: true }, orderBy: (b, { asc: up }) => up(b.id) } }, orderBy: (a, { asc: up }) => up(a.id) })) // prettier-ignore
await observe('relation of one', () => db.query.books.findFirst({ with: { author: true }, where: eq(books.id, 2) }))
await observe('enum and jsonb', () => db.select().from(samples).where(eq(samples.mood, 'happy')))
await observe('json path', () => db.select({ title: books.title }).from(books).where(sql`${books.details}->>'pages' = '65'`)) // prettier-ignore
await observe('insert', () => db.insert(authors).values({ name: 'Woolf', born: '1882-01-25' }).returning())
await observe('insert of many', async () => (await db.insert(numbers).values(Array.from({ length: 500 }, (_, n) => ({ n: 20_000 + n, word: `more ${n}` })))).rowCount) // prettier-ignore
await observe('upsert', () => db.insert(authors).values({ name: 'Woolf' }).onConflictDoUpdate({ target: authors.name, set: { rating: '8.0' } }).returning()) // prettier-ignore
await observe('on conflict do nothing', () => db.insert(authors).values({ name: 'Woolf' }).onConflictDoNothing().returning()) // prettier-ignore
await observe('update', () => db.update(books).set({ price: sql`${books.price} + 1`, tags: ['a', 'b'], details: { pages: 1 } }).where(eq(books.id, 3)).returning()) // prettier-ignore
await observe('delete', async () => (await db.delete(numbers).where(gt(numbers.n, 19_999))).rowCount)
await observe('prepared', async () => {
  const byId = db.select().from(authors).where(eq(authors.id, sql.placeholder('id'))).prepare('author_by_id') // prettier-ignore
  return [await byId.execute({ id: 1 }), await byId.execute({ id: 2 }), await byId.execute({ id: 1 })]
})
await observe('transaction', () =>
  db.transaction(async (tx) => {
    await tx.insert(authors).values({ name: 'Joyce' })
    const failed = await tx.transaction((inner) => inner.insert(authors).values({ name: 'Joyce' })).catch((cause: unknown) => String(cause)) // prettier-ignore
    return [failed, await tx.select({ found: count() }).from(authors)]
  }),
)
await observe('rolled back', async () => {
  const ended = await db.transaction(async (tx) => { await tx.delete(books).where(gt(books.id, 0)); tx.rollback() }).catch((cause: unknown) => String(cause)) // prettier-ignore
  return [ended, await db.$count(books)]
})
await observe('serializable', () => db.transaction((tx) => tx.select().from(authors).limit(1), { isolationLevel: 'serializable', accessMode: 'read only' })) // prettier-ignore
await observe('for update', () => db.transaction((tx) => tx.select().from(books).where(eq(books.id, 1)).for('update', { skipLocked: true }))) // prettier-ignore
await observe('set operations', async () => {
  const { union } = await import('drizzle-orm/pg-core')
  return union(db.select({ name: authors.name }).from(authors), db.select({ name: books.title }).from(books)).orderBy(sql`name`) // prettier-ignore
})
await observe('raw', async () => (await db.execute(sql`SELECT ${1}::int AS one, ${'x'}::text AS two`)).rows)
await observe('error: unique', () => db.insert(authors).values({ name: 'Ada Byron' }))
await observe('error: foreign key', () => db.insert(books).values({ authorId: 999, title: 'x' }))
await observe('closing', async () => {
  await pool.end()
  return pool.totalCount
})
