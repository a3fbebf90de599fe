/** pgbench without -i, in the three modes of the protocol. Arguments: path of pgbench, a connection string. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { observe } from './report.ts'

const [, , pgbench = 'pgbench', url = ''] = process.argv
const dir = mkdtempSync(join(tmpdir(), 'sallyport-pgbench-'))

/** What does not depend on time: how many transactions, and that none failed. */
function run(...flags: readonly string[]): Promise<unknown> {
  const args = ['-n', '-c', '2', '-t', '25', '--max-tries=5', ...flags, url]
  const { status, stdout, stderr } = spawnSync(pgbench, args, { encoding: 'utf8', cwd: dir })
  const kept = stdout.split('\n').filter((line) => /transaction type|query mode|actually processed|failed/.test(line))
  return status === 0 ? Promise.resolve({ kept, stderr }) : Promise.reject(new Error(stderr))
}

writeFileSync(
  join(dir, 'pages.sql'),
  `\\set aid random(1, 100000)
BEGIN;
SELECT abalance FROM pgbench_accounts WHERE aid = :aid \\gset
UPDATE pgbench_accounts SET abalance = :abalance + 1 WHERE aid = :aid;
SELECT count(*) AS found FROM numbers WHERE n BETWEEN :client_id AND 100 \\gset
\\if :found > 0
INSERT INTO pgbench_history (tid, bid, aid, delta) VALUES (1, 1, :aid, 1);
\\endif
END;
`,
)
writeFileSync(
  join(dir, 'pipeline.sql'),
  `\\set n random(1, 10000)
\\startpipeline
SELECT word FROM numbers WHERE n = :n;
INSERT INTO pgbench_history (tid, bid, aid, delta) VALUES (2, 1, :n, 1);
SELECT count(*) FROM numbers WHERE n < 10;
\\endpipeline
`,
)
for (const mode of ['simple', 'extended', 'prepared']) {
  await observe(`-S, ${mode}`, () => run('-S', '-M', mode))
  await observe(`built-in, ${mode}`, () => run('-s', '1', '-M', mode))
  await observe(`script, ${mode}`, () => run('-f', 'pages.sql', '-M', mode))
  if (mode !== 'simple') await observe(`pipeline, ${mode}`, () => run('-f', 'pipeline.sql', '-M', mode))
}
await observe('connections of their own', () => run('-C', '-S'))
rmSync(dir, { recursive: true, force: true })
