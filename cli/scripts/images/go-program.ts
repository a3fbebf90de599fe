import { join } from 'node:path'
import { goModules } from './go-modules.ts'
import type { Part } from './part.ts'
import type { RootFolder } from './root-folder.ts'
import { runCommand } from './run-command.ts'

/**
 * Builds the Go program of a module's folder, static and the same on every machine with the same Go, and puts it into an
 * image.
 * @param inside  its path there.
 */
export async function addGoProgram(
  root: RootFolder,
  module: string,
  inside: string,
  mode = 0o755,
): Promise<readonly Part[]> {
  const output = join(root.path, inside)
  root.file(inside, '', mode)
  await runCommand('go', ['build', '-trimpath', '-buildvcs=false', '-ldflags', '-s -w -buildid=', '-o', output, '.'], {
    cwd: module,
    env: { CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '', GOAMD64: 'v1' },
  })
  root.chmod(inside, mode)
  return goModules(output)
}
