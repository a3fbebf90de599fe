import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Every whole line of the spool files in `dir`, in order of their names. */
export function readSpoolLines(dir: string): string[] {
  return readdirSync(dir)
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
    .flatMap((name) => readFileSync(join(dir, name), 'utf8').split('\n').slice(0, -1))
}
