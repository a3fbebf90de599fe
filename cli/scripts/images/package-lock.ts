import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Metafile } from 'esbuild'
import { ImageError } from './image-error.ts'
import type { Part } from './part.ts'

interface LockEntry {
  readonly name?: string
  readonly version?: string
  readonly license?: string
  readonly dependencies?: Readonly<Record<string, string>>
}

/** What package-lock.json says, by folder (`node_modules/pg`, `cli/node_modules/commander`). */
export type PackageLock = Readonly<Record<string, LockEntry>>

export function readPackageLock(root: string): PackageLock {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { readonly packages: PackageLock }
  return lock.packages
}

/**
 * The packages of which a byte is in the bundle.
 * @throws ImageError `unknown-package` when a file is of a package that the lock does not know.
 */
export function bundledPackages(metafile: Metafile, lock: PackageLock): readonly Part[] {
  const inputs = Object.values(metafile.outputs).flatMap((output) =>
    Object.entries(output.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0),
  )
  const folders = new Set(inputs.flatMap(([path]) => packageFolder(path) ?? []))
  return [...folders].map((folder) => partOf(folder, lock))
}

/**
 * A package and all it depends on.
 * @returns their folders, as the lock names them.
 * @throws ImageError `unknown-package`
 */
export function packageClosure(name: string, lock: PackageLock): readonly string[] {
  const found = new Set<string>()
  const visit = (dependency: string, from: string): void => {
    const folder = resolveFolder(dependency, from, lock)
    if (found.has(folder)) return
    found.add(folder)
    for (const next of Object.keys(lock[folder]?.dependencies ?? {})) visit(next, folder)
  }
  visit(name, '')
  return [...found].sort()
}

/** @throws ImageError `unknown-package` */
export function partOf(folder: string, lock: PackageLock): Part {
  const entry = lock[folder]
  if (entry?.version === undefined) throw new ImageError('unknown-package', `package-lock.json does not know ${folder}`)
  const name = entry.name ?? folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length)
  return { kind: 'npm', name, version: entry.version, license: entry.license ?? null }
}

/** The folder of the package a file belongs to; null for a file of ours. */
function packageFolder(path: string): string | null {
  const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)
  return match?.[1] ?? null
}

/** As Node.js looks for it: beside the dependent, then in each folder above. */
function resolveFolder(name: string, from: string, lock: PackageLock): string {
  for (let folder = from; ; folder = parentOf(folder)) {
    const candidate = folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`
    if (lock[candidate] !== undefined) return candidate
    if (folder === '') throw new ImageError('unknown-package', `package-lock.json does not know ${name}`)
  }
}

function parentOf(folder: string): string {
  const parent = dirname(folder)
  return parent === '.' ? '' : parent
}
