import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadCatalog, type Catalog } from '../../sidecar/src/analysis/load-catalog.ts'
import { declaredParameterCode } from '../../sidecar/src/analysis/declared-parameters.ts'
import { PostgresAnalyzer } from '../../sidecar/src/analysis/postgres-analyzer.ts'
import type { StatementFacts } from '../../sidecar/src/model/statement-facts.ts'
import { startPostgres, type Postgres } from '../rig/postgres.ts'

const scene = `
  CREATE TABLE events (id int, email text, at date) PARTITION BY RANGE (at);
  CREATE TABLE events_24 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
  CREATE VIEW v_events AS SELECT id, email AS mail FROM events;
  CREATE VIEW v_twice AS SELECT mail AS post FROM v_events WHERE id > 0;
  CREATE TABLE computed (email text, domain text GENERATED ALWAYS AS (split_part(email, '@', 2)) STORED);
  CREATE FUNCTION evil(int) RETURNS int LANGUAGE plpgsql AS $$BEGIN DELETE FROM public.discount_rules; RETURN 1; END$$;
  CREATE FUNCTION evil_text(text) RETURNS bool LANGUAGE sql AS 'SELECT public.evil(1) > 0';
  CREATE FUNCTION evil_row(customers) RETURNS int LANGUAGE sql AS 'SELECT public.evil(1)';
  CREATE FUNCTION country(customers) RETURNS text LANGUAGE sql AS 'SELECT public.evil(1)::text';
  CREATE DOMAIN dom_evil AS text CHECK (public.evil_text(VALUE));
  CREATE DOMAIN dom_mail AS text CHECK (VALUE ~ '@' AND length(VALUE) < 100);
  CREATE TYPE pair AS (a dom_evil, b int);
  CREATE TYPE coin AS (amount int);
  CREATE FUNCTION coin_of(text) RETURNS coin LANGUAGE sql AS 'SELECT ROW(public.evil(1))::public.coin';
  CREATE CAST (text AS coin) WITH FUNCTION coin_of(text) AS ASSIGNMENT;
  CREATE FUNCTION int_of(coin) RETURNS int LANGUAGE sql AS 'SELECT public.evil(1)';
  CREATE CAST (coin AS int) WITH FUNCTION int_of(coin) AS IMPLICIT;
  CREATE TABLE purse (id int, content coin, note text);
  CREATE TABLE watched (id int PRIMARY KEY);
  CREATE TABLE watching (id int REFERENCES watched ON DELETE CASCADE);
  CREATE VIEW v_watching AS SELECT id FROM watching;
  CREATE TRIGGER watch BEFORE INSERT OR UPDATE OR DELETE ON watching FOR EACH ROW EXECUTE FUNCTION log_order_change();
  CREATE EXTENSION citext;
  CREATE TABLE tags (id int, name citext, note text)`

const searchPath = ['public']

describe.each(['18', '13'] as const)('PostgreSQL %s', (version) => {
  let postgres: Postgres
  let client: pg.Client
  let catalog: Catalog
  let analyzer: PostgresAnalyzer

  beforeAll(async () => {
    postgres = await startPostgres({ version })
    await postgres.file(join(import.meta.dirname, '../corpora/fixture-postgres.sql'))
    await postgres.sql(scene)
    client = new pg.Client({ host: postgres.socketDir, port: postgres.port, user: 'postgres', database: 'postgres' })
    await client.connect()
    const types = { getTypeParser: () => (value: string) => value }
    catalog = await loadCatalog(async (text) => {
      const { rows } = await client.query<(string | null)[]>({ text, rowMode: 'array', types })
      return rows
    })
    analyzer = await PostgresAnalyzer.load()
  })

  afterAll(async () => {
    await client.end()
    await postgres.stop()
  })

  async function factsOf(sql: string): Promise<StatementFacts> {
    const result = await analyzer.analyze(Buffer.from(sql), { catalog, database: 'postgres', searchPath })
    const [facts] = result.kind === 'Statements' ? result.statements : []
    if (!facts) throw new Error(JSON.stringify(result))
    return facts
  }

  async function unlisted(sql: string): Promise<readonly string[]> {
    const { functions, problems } = await factsOf(sql)
    expect(problems, sql).toEqual([])
    return functions.flatMap(({ listed, name }) => (listed ? [] : [name]))
  }

  /** Columns of the result as RowDescription names them; null where it names none. The statement is taken back. */
  async function described(sql: string): Promise<readonly (string | null)[]> {
    await client.query('BEGIN')
    try {
      await client.query('SET LOCAL search_path = public')
      const { fields } = await client.query({ text: sql, rowMode: 'array' })
      return fields.map(({ tableID, columnID }) => catalog.columnAt(tableID, columnID))
    } finally {
      await client.query('ROLLBACK')
    }
  }

  const shapes = [
    'SELECT * FROM customers',
    'SELECT * FROM orders a JOIN payments b USING (id) JOIN employees c USING (id)',
    'SELECT * FROM discount_rules, (orders a JOIN orders b USING (id))',
    'SELECT * FROM (orders JOIN customers USING (id)) AS j',
    'SELECT j.* FROM (orders o JOIN customers c ON c.id = o.customer_id) AS j(a, b, c, d, e, f, g, h, i)',
    'SELECT * FROM orders a NATURAL JOIN (SELECT id, customer_id FROM orders) b',
    'SELECT (o).note, (o).* FROM orders o',
    'SELECT * FROM customers c, LATERAL (SELECT c.email AS e2, * FROM orders WHERE customer_id = c.id) s',
    "SELECT * FROM (VALUES (1, 'a')) v(x, y) LEFT JOIN customers c ON c.id = v.x",
    'WITH x AS (UPDATE orders SET note = note WHERE id = 1 RETURNING *) SELECT * FROM x',
    "UPDATE orders o SET note = 'x' FROM customers c WHERE o.customer_id = c.id AND o.id = 1 RETURNING *",
    'DELETE FROM payments p USING orders o WHERE p.order_id = o.id AND p.id = 1 RETURNING *',
    'SELECT email FROM (employees a JOIN employees b USING (email)) AS j(x), customers',
    'SELECT t.* FROM customers t JOIN orders o ON o.customer_id = t.id',
    'SELECT * FROM generate_series(1, 2) WITH ORDINALITY AS g(n, o), jsonb_each_text(\'{"a": "b"}\')',
    "SELECT * FROM ROWS FROM (generate_series(1, 2), jsonb_each_text('{}')) AS t(x, y, z), customers",
    'SELECT (i.keys).n, i.email FROM (SELECT information_schema._pg_expandarray(ARRAY[7]) AS keys, email FROM customers) i',
    ...(version === '18'
      ? [
          "MERGE INTO orders o USING customers c ON o.customer_id = c.id AND o.id = 1 WHEN MATCHED THEN UPDATE SET note = 'x' RETURNING *",
          "UPDATE customers SET notes = 'x' WHERE id = 1 RETURNING old.email, new.notes, *",
          "UPDATE customers SET notes = 'x' WHERE id = 1 RETURNING WITH (OLD AS o, NEW AS n) o.*, n.ssn",
        ]
      : []),
  ]

  it.each(shapes)('columns are those the server describes: %s', async (sql) => {
    const { outputs, problems } = await factsOf(sql)
    expect(problems).toEqual([])
    const server = await described(sql)
    expect(outputs).toHaveLength(server.length)
    for (const [index, name] of server.entries()) {
      const origin = outputs?.[index]?.origin
      if (name === null) continue
      // A merged column has the identity of one side, and is made of both.
      const names = origin?.kind === 'Plain' ? [origin.column] : (origin?.columns ?? [])
      expect(names, `column ${index}`).toContain(name)
    }
  })

  const reading: readonly (readonly [sql: string, column: string])[] = [
    ['SELECT (SELECT email FROM generate_series(1, 1) g) FROM customers', 'public.customers.email'],
    ['SELECT (SELECT email FROM jsonb_to_record(\'{"a":1}\') AS j(a int)) FROM customers', 'public.customers.email'],
    ['SELECT (SELECT email FROM (SELECT 1 AS a) AS email) FROM customers', 'public.customers.email'],
    ['WITH RECURSIVE a AS (SELECT status FROM orders), orders AS (SELECT email AS status FROM customers) SELECT status FROM a', 'public.customers.email'], // prettier-ignore
    ['SELECT b FROM customers, unnest(ARRAY[1], ARRAY[email]) AS u(a, b)', 'public.customers.email'],
    ['SELECT mail FROM v_events', 'public.events.email'],
    ['SELECT post FROM v_twice', 'public.events.email'],
    ['SELECT email FROM events_24', 'public.events.email'],
    ['SELECT email FROM events', 'public.events_24.email'],
    ['SELECT domain FROM computed', 'public.computed.email'],
    ['SELECT contact_point FROM mv_customer_contact', 'public.customers.email'],
    ['SELECT x.email FROM customers c CROSS JOIN LATERAL (SELECT c.email) x', 'public.customers.email'],
    ['SELECT country(c) FROM customers c', 'public.customers.email'],
    ['SELECT a FROM (SELECT 1) AS s(a), customers', 'public.customers.email'],
  ]

  it.each(reading.slice(0, -1))('reads: %s', async (sql, column) => {
    expect((await factsOf(sql)).columns.read).toContain(column)
  })

  it('reads no more than is asked for', async () => {
    expect((await factsOf('SELECT a FROM (SELECT 1) AS s(a), customers')).columns.read).toEqual([])
    expect((await factsOf('SELECT full_name(c) FROM customers c')).columns.read).toEqual(['public.customers.full_name'])
  })

  it('knows unnest of several arrays in FROM', async () => {
    const { functions, problems } = await factsOf(
      "SELECT * FROM unnest(ARRAY[1], ARRAY['a']) WITH ORDINALITY AS u(a, b, c)",
    )
    expect(problems).toEqual([])
    expect(functions).toMatchObject([{ name: 'pg_catalog.unnest', listed: true }])
    expect((await factsOf("SELECT unnest(ARRAY[1], ARRAY['a'])")).problems).toMatchObject([
      { reason: 'unknown-object' },
    ])
  })

  const deciding: readonly (readonly [sql: string, column: string])[] = [
    ['SELECT 1 FROM customers NATURAL JOIN json_to_record(\'{"email":"a"}\') AS j(email text)', 'public.customers.email'], // prettier-ignore
    ['SELECT email, count(*) FROM customers GROUP BY ROLLUP (1)', 'public.customers.email'],
    ['SELECT email FROM customers GROUP BY GROUPING SETS ((1), ())', 'public.customers.email'],
    ['SELECT id FROM customers ORDER BY email USING <', 'public.customers.email'],
    ['SELECT id FROM customers ORDER BY (SELECT email)', 'public.customers.email'],
    ["WITH RECURSIVE r AS (WITH orders AS (SELECT email AS status FROM customers) SELECT status FROM orders UNION ALL SELECT status FROM r WHERE status = 'a') SELECT count(*) FROM r", 'public.customers.email'], // prettier-ignore
    ['CREATE TABLE guesses (e text REFERENCES customers (email))', 'public.customers.email'],
    ['CREATE UNIQUE INDEX ON customers (phone)', 'public.customers.phone'],
  ]

  it.each(deciding)('decides the result: %s', async (sql, column) => {
    expect((await factsOf(sql)).columns.predicate).toContain(column)
  })

  const running: readonly (readonly [sql: string, functions: readonly string[]])[] = [
    ['SELECT (id).evil FROM customers', ['public.evil']],
    ['SELECT (c.id).evil FROM customers c', ['public.evil']],
    ['SELECT (c).evil_row FROM customers c', ['public.evil_row']],
    ['SELECT c.evil_row FROM customers c', ['public.evil_row']],
    ['SELECT country(c) FROM customers c', ['public.country']],
    ['SELECT country(c.*) FROM customers c', ['public.country']],
    ["SELECT 'x'::dom_evil", ['public.evil_text']],
    ["SELECT '{x}'::_dom_evil", ['public.evil_text']],
    ["SELECT ARRAY['x']::dom_evil[]", ['public.evil_text']],
    ["SELECT '(x,1)'::pair", ['public.evil_text']],
    ["SELECT jsonb_populate_record(null::pair, '{}')", ['public.evil_text']],
    ["SELECT a FROM jsonb_to_record('{}') AS r(a dom_evil)", ['public.evil_text']],
    ["SELECT XMLSERIALIZE(CONTENT 'a' AS dom_evil)", ['public.evil_text']],
    ["SELECT json_value('{}', '$.a' RETURNING dom_evil)", ['public.evil_text']],
    ["SELECT 'x@y'::dom_mail", []],
    ['PREPARE p (dom_evil) AS SELECT $1', ['public.evil_text']],
    ['PREPARE p (coin) AS SELECT abs($1)', ['public.int_of']],
    ['SELECT content::int FROM purse', ['public.int_of']],
    ['SELECT abs(content) FROM purse', ['public.int_of']],
    ["UPDATE purse SET content = 'a'::text WHERE id = 1", ['public.coin_of']],
    ['INSERT INTO purse (content) SELECT note FROM tags', ['public.coin_of']],
    ['SELECT id::text, note::int FROM purse', []],
    ['SELECT * FROM v_touch', ['public.touch_customer']],
    // Operators and overloads are those of the types that are there.
    ["SELECT * FROM tags WHERE id = 1 AND note = 'x' AND lower(note) = 'a' AND id + 1 > 3 AND note LIKE 'a%'", []],
    ["SELECT * FROM tags WHERE name = 'x'", ['public.citext_eq']],
    ["SELECT * FROM tags WHERE name IN ('x', 'y')", ['public.citext_eq']],
    ["SELECT * FROM tags WHERE name = ANY ('{x}')", ['public.citext_eq']],
    ["SELECT * FROM tags WHERE name BETWEEN 'a' AND 'b'", ['public.citext_ge', 'public.citext_le']],
    ["SELECT CASE name WHEN 'a' THEN 1 END FROM tags", ['public.citext_eq']],
    ['SELECT 1 FROM tags WHERE name IN (SELECT name FROM tags)', ['public.citext_eq']],
    ['SELECT 1 FROM tags a JOIN tags b USING (name)', ['public.citext_eq']],
    ["SELECT replace(note, 'a', 'b'), replace('a', 'b', 'c') FROM tags", []],
    ["SELECT replace(name, 'a', 'b') FROM tags", ['public.replace']],
  ]

  it.each(running)('runs: %s', async (sql, functions) => {
    expect([...(await unlisted(sql))].sort()).toEqual(functions)
  })

  const refused: readonly (readonly [sql: string, reason: string])[] = [
    ['WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT * FROM a) SELECT * FROM a', 'unsupported-statement'],
    ['SELECT * FROM customers TABLESAMPLE evil (1)', 'unsupported-statement'],
    ['SELECT c.nothing FROM customers c', 'unknown-object'],
    ['SELECT nothing FROM customers, LATERAL (SELECT 1 AS a) s', 'unknown-object'],
    ['ALTER TABLE orders DISABLE TRIGGER ALL', 'schema-change'],
    ['ALTER TABLE orders OWNER TO agent_rw', 'schema-change'],
    ['ALTER TABLE missing ADD COLUMN a int', 'unknown-object'],
    ['EXPLAIN ANALYZE EXECUTE p', 'unsupported-statement'],
    ['CREATE TABLE copied AS EXECUTE p', 'unsupported-statement'],
  ]

  it.each(refused)('refuses: %s', async (sql, reason) => {
    expect((await factsOf(sql)).problems.map((problem) => problem.reason)).toContain(reason)
  })

  it('names triggers of what is written, also behind foreign keys', async () => {
    const audit = { relation: 'public.orders', name: 'orders_audit', function: 'public.log_order_change' }
    const update = await factsOf("UPDATE orders SET status = 'x' WHERE id = 1")
    expect(update).toMatchObject({ triggers: [audit], affectedRows: 'Counters' })
    const other = await factsOf("UPDATE orders SET note = 'x' WHERE id = 1")
    expect(other).toMatchObject({ triggers: [], affectedRows: 'CommandTag' })
    expect((await factsOf('COPY orders (customer_id, total_cents) FROM STDIN')).affectedRows).toBe('CommandTag')
    const keyed = await factsOf('DELETE FROM watched WHERE id = 1')
    expect(keyed.triggers.map(({ name }) => name)).toEqual(['watch'])
    const view = await factsOf('UPDATE v_watching SET id = 2 WHERE id = 1')
    expect(view.triggers.map(({ name }) => name)).toEqual(['watch'])
    expect((await factsOf('COPY watching FROM STDIN')).affectedRows).toBe('Unmeasurable')
  })

  it('knows what a declared parameter runs', () => {
    const code = (name: string): readonly string[] => declaredParameterCode(catalog, catalog.type(name)?.oid ?? 0)
    expect(code('public.dom_evil')).toEqual(['public.evil_text'])
    expect(code('public._dom_evil')).toEqual(['public.evil_text'])
    expect(code('public.coin')).toEqual(['public.int_of'])
    expect(code('public.dom_mail')).toEqual([])
    expect(code('pg_catalog.text')).toEqual([])
    expect(declaredParameterCode(catalog, 4_000_000)).toEqual(['type 4000000'])
  })

  it('locks the rows of a query in FROM', async () => {
    const locking = async (sql: string): Promise<readonly string[]> =>
      (await factsOf(sql)).effects.flatMap(({ operation, relation }) => (operation === 'Select' ? [] : [`${operation} ${relation}`])) // prettier-ignore
    const both = 'FROM (SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id) s'
    expect(await locking(`SELECT * ${both} FOR UPDATE`)).toEqual(['Update public.customers', 'Update public.orders'])
    expect(await locking(`SELECT * ${both}, payments p FOR SHARE OF p`)).toEqual(['Lock public.payments'])
    expect(await locking('SELECT * FROM generate_series(1, 2), payments FOR SHARE')).toEqual(['Lock public.payments'])
  })

  it('follows foreign keys from views and TRUNCATE', async () => {
    const remove = await factsOf('DELETE FROM v_us_customers WHERE id = 1')
    expect(remove.effects.map(({ operation, relation }) => `${operation} ${relation}`)).toEqual([
      'Delete public.orders',
      'Delete public.payments',
      'Delete public.v_us_customers',
      'Update public.support_tickets',
      'Select public.v_us_customers',
    ])
    expect(remove.affectedRows).toBe('Counters')
    const empty = await factsOf('TRUNCATE orders CASCADE')
    expect(empty.effects.map(({ relation }) => relation)).toEqual(['public.orders', 'public.payments'])
    const alone = await factsOf('TRUNCATE orders')
    expect(alone.effects.map(({ relation }) => relation)).toEqual(['public.orders'])
  })

  const renaming = [
    ['ALTER TABLE customers RENAME COLUMN email TO x', 'public.customers.email'],
    ['ALTER TABLE customers RENAME TO people', 'public.customers.email'],
    ['ALTER VIEW v_order_report RENAME COLUMN contact TO x', 'public.customers.email'],
    ['ALTER TABLE events DETACH PARTITION events_24', 'public.events_24.email'],
  ] as const

  it.each(renaming)('takes a name from a column: %s', async (sql, column) => {
    expect((await factsOf(sql)).columns.written).toContain(column)
  })

  it('shows a masked value nowhere through a definition', async () => {
    const { columns } = await factsOf('ALTER TABLE customers ALTER COLUMN notes TYPE text USING email')
    expect(columns.derived).toContain('public.customers.email')
  })

  it('follows a recursion with SEARCH and CYCLE', async () => {
    const { outputs, problems, columns } = await factsOf(`WITH RECURSIVE r(id, m) AS (
      SELECT id, manager_id FROM employees WHERE id = 5 UNION ALL
      SELECT e.id, e.manager_id FROM employees e JOIN r ON e.id = r.m)
      SEARCH DEPTH FIRST BY id SET ord CYCLE id SET c USING p SELECT * FROM r`)
    expect(problems).toEqual([])
    expect(outputs?.map(({ name }) => name)).toEqual(['id', 'm', 'ord', 'c', 'p'])
    expect(columns.predicate).toContain('public.employees.id')
  })
})
