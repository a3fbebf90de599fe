import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'

it('needs little memory however much it parses', { timeout: 60_000 }, () => {
  const script = join(import.meta.dirname, 'testing/parse-many.ts')
  const peakMiB = Number(execFileSync(process.execPath, ['--max-semi-space-size=16', script], { encoding: 'utf8' }))
  expect(peakMiB).toBeGreaterThan(20)
  expect(peakMiB).toBeLessThan(200)
})
