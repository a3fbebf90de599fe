import { createRequire } from 'node:module'
import { dirname, join, normalize } from 'node:path'
import { debianPackages } from './debian-packages.ts'
import { ImageError } from './image-error.ts'
import type { Part } from './part.ts'
import type { RootFolder } from './root-folder.ts'
import { runCommand } from './run-command.ts'
import { sharedLibraries } from './shared-libraries.ts'

/** Puts Node.js at /usr/bin/node, as its maintainers built it, with the loader and the libraries it is linked to. */
export async function addNode(root: RootFolder): Promise<readonly Part[]> {
  const node = join(dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin/node')
  const described = JSON.parse(await runCommand(node, ['-p', 'JSON.stringify(process.versions)'])) as Record<string, string> // prettier-ignore
  checkLibc()
  root.copy(node, '/usr/bin/node', 0o755)
  // `modules` and `napi` are numbers of interfaces.
  const contains = Object.entries(described).filter(([name]) => !['node', 'modules', 'napi'].includes(name))
  return [
    { kind: 'node', version: described.node ?? '', contains: Object.fromEntries(contains) },
    ...(await addLibraries(root, node)),
  ]
}

export interface LibraryOptions {
  /** A folder whose libraries come with the program. */
  readonly except?: string
}

/** Puts the libraries a program is linked to where they are on this machine. */
export async function addLibraries(
  root: RootFolder,
  program: string,
  { except }: LibraryOptions = {},
): Promise<readonly Part[]> {
  const listed = await sharedLibraries(program)
  const libraries = listed.filter((path) => except === undefined || !normalize(path).startsWith(`${except}/`))
  // The loader is executed by its path.
  for (const path of libraries) root.copy(path, path, 0o755)
  return debianPackages(libraries)
}

/** Before 2.34 names were resolved by libraries that glibc loads by itself: ldd does not show them. */
function checkLibc(): void {
  const report = process.report.getReport() as { readonly header?: { readonly glibcVersionRuntime?: string } }
  const version = report.header?.glibcVersionRuntime ?? ''
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > 2 || (major === 2 && minor >= 34)) return
  throw new ImageError('missing-part', `images are made of this machine's glibc, at least 2.34; this is ${version === '' ? 'none' : version}`) // prettier-ignore
}
