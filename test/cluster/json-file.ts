import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'

/** All of it or nothing, whatever ends this process. */
export function writeJson(path: string, value: unknown): void {
  writeFileSync(`${path}.part`, JSON.stringify(value), { mode: 0o600 })
  renameSync(`${path}.part`, path)
}

/** What writeJson wrote; null where it has not. */
export function readJson(path: string): unknown {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as unknown) : null
}
