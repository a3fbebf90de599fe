/**
 * `fill-disk.ts DIR BALLAST`: writes records until one is refused, then deletes the file BALLAST and writes one more.
 * Prints `{appended, refusal, afterwards}` as JSON.
 */
import { rmSync } from 'node:fs'
import { pino } from 'pino'
import { openSpool } from '../spool.ts'

const [dir = '', ballast = ''] = process.argv.slice(2)
const clock = { now: () => Date.now(), monotonic: () => performance.now() }
const spool = openSpool({ dir, source: 'pod-uid/boot', maxBytes: 1 << 30, clock, log: pino({ enabled: false }) })

let appended = 0
let refusal = ''
while (refusal === '' && appended < 100_000) {
  try {
    appended = spool.append({ kind: 'Gap', reason: 'x'.repeat((appended * 37) % 3000) })
  } catch (cause) {
    refusal = cause instanceof Error ? `${cause.name}: ${cause.message}` : 'unknown'
  }
}
rmSync(ballast, { force: true })
let afterwards: number | string
try {
  afterwards = spool.append({ kind: 'Gap', reason: 'there is space again' })
} catch (cause) {
  afterwards = cause instanceof Error ? cause.message : 'unknown'
}
process.stdout.write(JSON.stringify({ appended, refusal, afterwards }))
await spool.close().catch(() => undefined)
