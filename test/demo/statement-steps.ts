import pg from 'pg'
import type { Tools } from './walk.ts'

/** What an agent may do under the grant, and what is refused. */
export async function statementSteps(tools: Tools): Promise<void> {
  const { stage, apply, mustKubectl, psql, shop } = tools
  stage.step('a grant')
  await apply('grant.yaml')
  await mustKubectl('wait -n agents --for=condition=Active accessgrant/refund-report --timeout=10s')
  await mustKubectl('get accessgrants -n agents')
  stage.step('allowed, with masks')
  const select = 'SELECT id, name, email, ssn, phone FROM customers ORDER BY id LIMIT 3'
  const masked = await psql(select)
  stage.must(masked.code === 0 && masked.stdout.includes('Ada Byron'), 'customers are read')
  stage.must(!/ada@example\.com|111-22-3333|7946/.test(masked.stdout), 'what is sensitive arrives masked')
  await throughDriver(tools)
  const update = await psql("UPDATE orders SET status = 'refunded' WHERE id = 3")
  stage.must(update.stdout.includes('UPDATE 1'), 'an update within its limit happens')
  stage.step('refused, each with its reason; the data stays as it is')
  const before = await shop.digest()
  for (const [sql, reason] of refused) {
    const result = await psql(sql)
    stage.must(result.code !== 0 && result.stderr.includes(`reason=${reason} `), `${sql} is refused with ${reason}`)
    stage.must((await shop.digest()) === before, `the data is untouched after ${sql}`)
  }
  stage.say(`digest of all rows before and after: ${before}`)
}

/** Statement and the reason it must be refused with. */
const refused: readonly (readonly [string, string])[] = [
  ['DROP TABLE orders', 'schema-change'],
  ['DELETE FROM orders', 'unbounded-write'],
  ["UPDATE orders SET status = 'lost' WHERE id <= 10", 'affected-rows-exceeded'],
  ["SELECT name FROM customers WHERE ssn LIKE '111%'", 'masked-column-in-predicate'],
  ['SELECT salary FROM employees', 'uncovered-effect'],
  ["SELECT pg_read_file('/etc/passwd')", 'function-not-listed'],
  ["SELECT name FROM customers WHERE city = 'London'", 'policy-denied'],
]

async function throughDriver({ stage, localPort }: Tools): Promise<void> {
  stage.print('$ node -e "client.query(\'SELECT email, phone FROM customers WHERE id = $1\', [1])"   # node-postgres')
  const client = new pg.Client({ host: '127.0.0.1', port: localPort, database: 'shop', user: 'agent' })
  await client.connect()
  const { rows } = await client.query('SELECT email, phone FROM customers WHERE id = $1', [1])
  await client.end()
  const text = JSON.stringify(rows)
  stage.print(text)
  stage.must(rows.length === 1 && !text.includes('ada@') && !text.includes('7946'), 'a driver gets masked values')
}
