/** psql: scripts and meta commands, each in a run of its own. Arguments: path of psql, a connection string. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { observe } from './report.ts'

const [, , psql = 'psql', url = ''] = process.argv
const dir = mkdtempSync(join(tmpdir(), 'sallyport-psql-'))

interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** What a script prints, both streams and exit code; psql's own log of line numbers is part of it. */
function run(script: string, flags: readonly string[] = []): Promise<Ran> {
  const { status, stdout, stderr } = spawnSync(psql, ['-X', ...flags, '-d', url], {
    input: script,
    encoding: 'utf8',
    cwd: dir,
    maxBuffer: 1 << 28,
  })
  // Only failures of what follows `error:` or `refused:` are expected; a test knows them by the severity.
  const failed = /(?:ERROR|FATAL):\s+(\w+: )?.*/.exec(stderr)
  if (failed) return Promise.reject(new PsqlError(stderr, status))
  return Promise.resolve({ status, stdout, stderr })
}

class PsqlError extends Error {
  override readonly name = 'PsqlError'
  /** SQLSTATE, with VERBOSITY verbose. */
  readonly code: string | undefined
  readonly detail: string

  constructor(stderr: string, status: number | null) {
    super(stderr.trim())
    this.code = /ERROR:\s+(\w{5}): /.exec(stderr)?.[1]
    this.detail = `exit ${status} ${/DETAIL:\s+(reason=.*)/.exec(stderr)?.[1] ?? ''}`
  }
}

const verbose = '\\set VERBOSITY verbose\n'
const metaCommands = [
  '\\d', '\\d+', '\\d authors', '\\d+ books', '\\d book_titles', '\\d+ book_titles', '\\d samples', '\\d books_by_author',
  '\\dt', '\\dt+', '\\dv', '\\di', '\\ds', '\\dn', '\\dn+', '\\du', '\\dT', '\\dT+ mood', '\\dp', '\\ddp', '\\df', '\\df rig.reset',
  '\\da sum', '\\dD', '\\dx', '\\dC', '\\do ||', '\\dO de*', '\\dA', '\\dAc btree int4', '\\dAf btree', '\\dL', '\\dF', '\\dFp',
  '\\des', '\\dew', '\\det', '\\dRp', '\\dP', '\\dX', '\\dg', '\\dc utf8*', '\\dd', '\\l', '\\z books', '\\encoding', 
  '\\sv book_titles',
] // prettier-ignore

for (const command of metaCommands) await observe(command, () => run(`\\set HIDE_TABLEAM on\n${command}`))
// Not what differs by nature: port, whether a password was asked, process.
await observe('\\conninfo', async () => (await run('\\conninfo', ['-At'])).stdout.replace(/^(Server Port|Password Used|Backend PID).*\n/gm, '')) // prettier-ignore
await observe('types', () => run('SELECT * FROM samples ORDER BY id', ['-x']))
await observe('CSV', () => run('SELECT * FROM samples ORDER BY id', ['--csv']))
await observe('variables', () => run("\\set who 'Ada Byron'\nSELECT * FROM authors WHERE name = :'who';\n\\echo :ROW_COUNT :SERVER_VERSION_NUM :ENCODING :USER")) // prettier-ignore
await observe('\\gset', () => run('SELECT id, born FROM authors WHERE id = 1 \\gset a_\n\\echo :a_id :a_born'))
await observe('\\gexec', () => run("SELECT format('SELECT %s AS x', n) FROM numbers WHERE n < 3 \\gexec"))
await observe('\\gdesc', () => run('SELECT id, name, rating FROM authors \\gdesc'))
await observe('\\bind', () => run('SELECT $1::int + 1 AS x \\bind 41 \\g'))
await observe('\\parse and \\bind_named', () => run('SELECT name FROM authors WHERE id = $1 \\parse one\n\\bind_named one 1 \\g\n\\bind_named one 2 \\g\n\\close_prepared one')) // prettier-ignore
await observe('pipeline', () => run('\\startpipeline\nSELECT $1 \\bind 1 \\sendpipeline\nSELECT $1 \\bind 2 \\sendpipeline\n\\flushrequest\n\\getresults\n\\endpipeline')) // prettier-ignore
await observe(
  'pipeline, a write and an error',
  () =>
  run("\\startpipeline\nINSERT INTO copied VALUES (77) \\bind \\sendpipeline\nSELECT 1 / ($1)::int \\bind 0 \\sendpipeline\n\\syncpipeline\nSELECT count(*) FROM copied WHERE id = 77 \\bind \\sendpipeline\n\\endpipeline").catch((cause: unknown) => String(cause)), // prettier-ignore
)
await observe('\\crosstabview', () => run('SELECT author_id, title, price FROM books \\crosstabview'))
await observe('\\watch', () => run('SELECT 1 \\watch interval=0.01 count=2').then((seen) => JSON.stringify(seen).match(/1 row/g)?.length)) // prettier-ignore
await observe('FETCH_COUNT', () =>
  run('\\set FETCH_COUNT 100\nSELECT n FROM numbers WHERE n <= 250 ORDER BY n', ['-At']),
)
await observe('10,000 rows', () => run('SELECT * FROM numbers ORDER BY n', ['-At']))
await observe('single transaction', () => run("INSERT INTO authors (name) VALUES ('Woolf');\nSELECT count(*) FROM authors;", ['-1'])) // prettier-ignore
await observe('AUTOCOMMIT off', () =>
  run('\\set AUTOCOMMIT off\nDELETE FROM books WHERE id > 0;\nROLLBACK;\nSELECT count(*) FROM books;'),
)
await observe('ON_ERROR_ROLLBACK', () =>
  run('\\set ON_ERROR_ROLLBACK on\nBEGIN;\nSELECT count(*) FROM books;\nCOMMIT;'),
)
await observe('two statements in one', () => run('SELECT 1 \\; SELECT 2;'))
await observe('-c', () => run('', ['-c', 'SELECT 1 AS a', '-c', '\\dt authors']))
await observe('\\copy in', () => {
  writeFileSync(join(dir, 'in.csv'), 'id,label\n1,"a, b"\n2,\n')
  return run("\\copy copied (id, label) FROM 'in.csv' WITH CSV HEADER\nSELECT * FROM copied ORDER BY id;")
})
await observe('\\copy from stdin', () => run('\\copy copied (id, label) FROM STDIN\n3\tthree\n\\.\nSELECT count(*) FROM copied;')) // prettier-ignore
await observe('\\copy out', async () => {
  const ran = await run("\\copy (SELECT * FROM numbers WHERE n < 5) TO 'out.txt'\n\\copy numbers TO 'all.txt'")
  return [ran, readFileSync(join(dir, 'out.txt'), 'utf8'), readFileSync(join(dir, 'all.txt'), 'utf8').length]
})
await observe('COPY … TO STDOUT', () => run('COPY authors TO STDOUT;'))
await observe('notices', () => run('COMMIT;\nBEGIN;\nBEGIN;\nROLLBACK;\nSET LOCAL DateStyle = SQL;'))
await observe('EXPLAIN', () => run('EXPLAIN (COSTS OFF) SELECT * FROM authors WHERE id = 1;'))
await observe('EXPLAIN ANALYZE', () => run('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) SELECT * FROM authors WHERE id = 1;')) // prettier-ignore
await observe('SHOW', () => run('SHOW server_version;\nSHOW TimeZone;\nSHOW transaction_isolation;'))
await observe('error: division', () => run(`${verbose}SELECT 1 / 0;`))
await observe('error: unique', () => run(`${verbose}INSERT INTO authors (name) VALUES ('Ada Byron');`))
await observe('error: ON_ERROR_STOP', () =>
  run(`\\set ON_ERROR_STOP on\n${verbose}SELECT 1 / 0;\nSELECT 'not reached';`),
)
await observe('error: in a transaction', () => run(`${verbose}BEGIN;\nSELECT 1 / 0;\nSELECT 1;\nCOMMIT;`))
await observe('error: \\copy', () => run(`${verbose}\\copy copied FROM STDIN\nno number\tx\t1\n\\.\n`))
await observe('error: syntax', () => run(`${verbose}SELEC 1;`))
await observe('error: unknown table', () => run(`${verbose}SELECT * FROM nowhere;`))
await observe('refused: LISTEN', () => run(`${verbose}LISTEN channel;`))
for (const command of ['\\db', '\\drds', '\\dconfig work_mem', '\\dl'])
  await observe(`refused: ${command}`, () => run(command))
await observe('refused: \\sf', () => run(`${verbose}\\sf rig.reset`))
await observe('refused: CREATE TABLE', () => run(`${verbose}CREATE TEMP TABLE mine (id int);`))
rmSync(dir, { recursive: true, force: true })
