/** Runs as the agent: works until it is told to end, and then still needs the database. Argument: JSON `{host, statement}`. */
import { createRequire } from 'node:module'

const pg = createRequire('/app/package.json')('pg')
const { host, statement } = JSON.parse(process.argv[2] ?? '{}')
const idle = setInterval(() => undefined, 1000)
process.on('SIGTERM', () => {
  void lastWords().finally(() => clearInterval(idle))
})
process.stdout.write('waiting\n')

async function lastWords() {
  const client = new pg.Client({ host, port: 5432, database: 'shop', user: 'agent', connectionTimeoutMillis: 8000 })
  await client.connect()
  await client.query(statement)
  await client.end()
}
