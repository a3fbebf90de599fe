/** Parses for some seconds, long enough for V8 to find the parser hot; prints the most memory it ever had, in MiB. */
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { loadParser, parseStatements } from '../parse-statements.ts'

await loadParser()
for (let round = 0; round < 8; round += 1) {
  for (let n = 0; n < 300; n += 1) parseStatements(`SELECT a, b FROM t WHERE c = ${n} AND d IN (1, 2) ORDER BY e`)
  // Room for compilers in other threads.
  await delay(200)
}
const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
process.stdout.write(String(Math.round(Number(peak) / 1024)))
