import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundle, type Executable } from '../../bundle.ts'
import { bundledPackages, readPackageLock } from '../package-lock.ts'
import type { Part } from '../part.ts'
import type { RootFolder } from '../root-folder.ts'

const repository = join(import.meta.dirname, '../../../..')

/** Puts executables where PATH finds them, and their bundle at /opt/sallyport. */
export async function addExecutables(root: RootFolder, executables: readonly Executable[]): Promise<readonly Part[]> {
  const work = mkdtempSync(join(tmpdir(), 'sallyport-bundle-'))
  try {
    const folder = join(work, 'bundle')
    mkdirSync(folder)
    const metafile = await bundle({ executables, folder, form: 'image' })
    root.tree(folder, '/opt/sallyport')
    root.file('/opt/sallyport/package.json', '{ "type": "module" }\n')
    for (const name of executables) root.file(`/usr/bin/${name}`, launcher(name), 0o755)
    return bundledPackages(metafile, readPackageLock(repository))
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** The kernel hands what follows the interpreter's path over as one argument: there is no shell to take it apart. */
function launcher(name: Executable): string {
  return `#!/usr/bin/node --max-semi-space-size=16\nimport '/opt/sallyport/${name}.js'\n`
}
