/**
 * Runs in the agent's container: one connection, statements in order, one line of JSON with an answer for each.
 * Argument: JSON `{host, port?, database?, user?, sql: string[]}`.
 */
import { createRequire } from 'node:module'

const pg = createRequire('/app/package.json')('pg')
const { host, port = 5432, database = 'shop', user = 'agent', sql } = JSON.parse(process.argv[2] ?? '{}')
const answers = []
const client = new pg.Client({ host, port, database, user, password: 'none', connectionTimeoutMillis: 8000 })
client.on('error', () => undefined)
try {
  await client.connect()
  for (const text of sql) {
    try {
      const { rows, rowCount } = await client.query(text)
      answers.push({ rows, rowCount })
    } catch (error) {
      answers.push({ error: describe(error) })
    }
  }
} catch (error) {
  answers.push({ error: { ...describe(error), atLogin: true } })
}
await client.end().catch(() => undefined)
process.stdout.write(`${JSON.stringify(answers)}\n`)

function describe({ message, code, detail, severity }) {
  return { message: String(message), code, detail, severity }
}
