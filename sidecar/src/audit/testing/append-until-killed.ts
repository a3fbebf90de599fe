/** `append-until-killed.ts Spool|File PATH`: writes records and, after each append returned, its `seq` to stdout. */
import { writeSync } from 'node:fs'
import { pino } from 'pino'
import { openAuditFile } from '../audit-file.ts'
import { openSpool } from '../spool.ts'

const [kind, path = '', bootId = 'boot'] = process.argv.slice(2)
const log = pino({ enabled: false })
const clock = { now: () => Date.now(), monotonic: () => performance.now() }
const audit =
  kind === 'Spool'
    ? openSpool({ dir: path, source: `pod-uid/${bootId}`, maxBytes: 1 << 30, clock, log })
    : openAuditFile({ path, clock, log })

// Turns of the event loop between runs of records, so that fsyncs happen in between.
for (let count = 1; ; count++) {
  const seq = audit.append({ kind: 'Gap', reason: 'x'.repeat((count * 37) % 3000) })
  await report(`${seq}\n`)
  if (count % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
}

/** The pipe does not block: a reader that is slow is waited for. */
async function report(text: string): Promise<void> {
  for (;;) {
    try {
      writeSync(1, text)
      return
    } catch (cause) {
      if (!(cause instanceof Error && 'code' in cause && cause.code === 'EAGAIN')) throw cause
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}
