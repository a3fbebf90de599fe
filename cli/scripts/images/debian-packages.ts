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
  const names = new Set(await Promise.all(files.map(owner)))
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

/** dpkg knows a file by the path in its package, which a merged /usr makes one of several. */
async function owner(file: string): Promise<string> {
  const real = await realpath(file)
  const paths = new Set([file, real].flatMap((path) => [path, path.replace(/^\/usr\//, '/'), `/usr${path}`]))
  for (const path of paths) {
    const found = await runCommand('dpkg-query', ['--search', path]).catch(() => null)
    const match = found === null ? null : /^([^\s:]+(?::[^\s:]+)?): /.exec(found)
    if (match?.[1] !== undefined) return match[1]
  }
  throw new ImageError('foreign-file', `${file} belongs to no Debian package (dpkg-query --search); it cannot go into an image`) // prettier-ignore
}

/** `debian-12`. */
function distribution(): string {
  const release = readFileSync('/etc/os-release', 'utf8')
  const field = (name: string): string => new RegExp(`^${name}="?([^"\\n]*)`, 'm').exec(release)?.[1] ?? 'unknown'
  return `${field('ID')}-${field('VERSION_ID')}`
}
