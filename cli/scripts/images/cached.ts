import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs'
import { dirname, join } from 'node:path'

const keepMs = 30 * 24 * 3600 * 1000

/**
 * A file that only depends on its name, made if it is not there. Whoever finds it finds all of it. What nobody asked for
 * in 30 days is removed from its folder when a file is made.
 * @returns the path.
 */
export async function cached(path: string, make: (path: string) => Promise<void>, now = new Date()): Promise<string> {
  if (existsSync(path)) {
    utimesSync(path, now, now)
    return path
  }
  const folder = dirname(path)
  mkdirSync(folder, { recursive: true })
  for (const name of readdirSync(folder)) {
    const file = join(folder, name)
    const age = now.getTime() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? now.getTime())
    if (age > keepMs) rmSync(file, { force: true })
  }
  const partial = `${path}.${process.pid}`
  try {
    await make(partial)
    renameSync(partial, path)
  } finally {
    rmSync(partial, { force: true })
  }
  return path
}
