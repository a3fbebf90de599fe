import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { toolFolder } from '../../../../test/tools/tool-folder.mjs'
import manifest from '../../../package.json' with { type: 'json' }
import { addAccounts } from '../accounts.ts'
import { addGoProgram } from '../go-program.ts'
import { goModules } from '../go-modules.ts'
import { ImageError } from '../image-error.ts'
import { addNode } from '../node-runtime.ts'
import type { Fill, Recipe } from '../recipe.ts'
import { addExecutables } from './executable.ts'

const repository = join(import.meta.dirname, '../../../..')

/** Names are resolved by the hosts file and by DNS; both are in glibc itself. */
const nsswitch = 'passwd: files\ngroup: files\nhosts: files dns\n'

const controller: Fill = async (root) => {
  addAccounts(root, [{ name: 'sallyport', id: 5554 }])
  root.file('/etc/nsswitch.conf', nsswitch)
  // Policies are compiled here; a read-only root needs a volume on it.
  root.folder('/tmp', 0o1777)
  return addExecutables(root, ['sallyport-controller', 'sallyport'])
}

const sidecar: Fill = async (root) => {
  addAccounts(root, [{ name: 'sallyport', id: 5555 }])
  root.file('/etc/nsswitch.conf', nsswitch)
  return addExecutables(root, ['sallyport-sidecar'])
}

const redirect: Fill = async (root) => {
  addAccounts(root, [{ name: 'sallyport-probe', id: 5556 }])
  // The hosts file is the application's to change by hostAliases.
  root.file('/etc/nsswitch.conf', 'hosts: dns\n')
  return addGoProgram(root, join(repository, 'sidecar/redirect'), '/usr/bin/sallyport-redirect')
}

const opa: Fill = async (root) => {
  const binary = join(toolFolder(), 'opa')
  if (!existsSync(binary)) throw new ImageError('missing-part', `${binary} is not there: make setup builds it`)
  root.copy(binary, '/usr/bin/opa', 0o755)
  return goModules(binary)
}

/** The images a release consists of. */
export const releaseRecipes: readonly Recipe[] = [
  released('controller', 'controller', { node: addNode, opa, rootfs: controller }),
  released('sidecar', 'sidecar', { node: addNode, rootfs: sidecar }),
  released('redirect', 'sidecar/redirect', { rootfs: redirect }),
]

function released(name: string, folder: string, folders: Recipe['folders']): Recipe {
  const reference = `ghcr.io/sallyport-dev/sallyport-${name}:${manifest.version}`
  return { name, reference, dockerfile: `${folder}/Dockerfile`, released: true, folders }
}
