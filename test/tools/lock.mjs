/** A folder that only one process makes at a time. Plain JavaScript: bare Node 20 reads it. */
import { mkdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** Whoever holds it touches it, and one that nobody touches is abandoned. */
export async function takeLock(path, say) {
  const staleMs = 30_000
  for (let told = false; ;) {
    try {
      mkdirSync(path)
      writeFileSync(join(path, 'pid'), `${process.pid}\n`)
      const beat = setInterval(() => utimesSync(path, new Date(), new Date()), 5_000)
      return {
        release: () => {
          clearInterval(beat)
          rmSync(path, { recursive: true, force: true })
        },
      }
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
      const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
      if (age > staleMs) rmSync(path, { recursive: true, force: true })
      else if (!told) {
        say('another build of the tools is running; waiting for it')
        told = true
      }
      await delay(500)
    }
  }
}
