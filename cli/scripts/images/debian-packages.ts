import { readFileSync } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { ImageError } from './image-error.ts'
import type { Part } from './part.ts'
import { runCommand } from './run-command.ts'

/**
 * The Debian packages that own the files: what an image's bill of materials has to name.
 * @param files  absolute paths of this machine.
 * @throws ImageError `foreign-file` when a file is of no package, `command-failed` where there is no dpkg.
 */
export async function debianPackages(files: readonly string[]): Promise<readonly Part[]> {
  const candidates = await Promise.all(files.map(pathsOf))
  const found = await runCommand('dpkg-query', ['--search', ...candidates.flat()], { answers: [1] })
  const owners = parseOwners(found)
  const names = new Set(
    candidates.map((paths) => {
      const owner = paths.flatMap((path) => owners.get(path) ?? [])[0]
      if (owner !== undefined) return owner
      const problem = `${paths[0] ?? ''} belongs to no Debian package (dpkg-query --search); it cannot go into an image`
      throw new ImageError('foreign-file', problem)
    }),
  )
  const format = '${Package}\\t${Version}\\t${Architecture}\\n'
  const listed = await runCommand('dpkg-query', ['--show', `--showformat=${format}`, ...[...names].sort()])
  const distro = distribution()
  return listed
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [name = '', version = '', arch = ''] = line.split('\t')
      return { kind: 'deb', name, version, arch, distro } as const
    })
}

/** Reads what `dpkg-query --search` wrote: the package of each path, `name` or `name:arch`. */
export function parseOwners(listed: string): ReadonlyMap<string, string> {
  const lines = listed.split('\n').flatMap((line) => {
    // A diversion is not an owner; of several packages that own a folder, the first will do.
    const match = /^([^\s,]+)(?:, \S+)*: (\/.*)$/.exec(line)
    return match?.[1] === undefined || match[2] === undefined ? [] : [[match[2], match[1]] as const]
  })
  return new Map(lines)
}

/** dpkg knows a file by the path in its package, which a merged /usr makes one of several. */
async function pathsOf(file: string): Promise<readonly string[]> {
  const paths = [file, await realpath(file)]
  return [...new Set(paths.flatMap((path) => [path, path.replace(/^\/usr\//, '/'), `/usr${path}`]))]
}

/** `debian-12`. */
function distribution(): string {
  const release = readFileSync('/etc/os-release', 'utf8')
  const field = (name: string): string => new RegExp(`^${name}="?([^"\\n]*)`, 'm').exec(release)?.[1] ?? 'unknown'
  return `${field('ID')}-${field('VERSION_ID')}`
}
