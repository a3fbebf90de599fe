import { existsSync } from 'node:fs'
import { debianPackages } from '../debian-packages.ts'
import { ImageError } from '../image-error.ts'
import type { Part } from '../part.ts'
import type { RootFolder } from '../root-folder.ts'
import { runCommand } from '../run-command.ts'
import { sharedLibraries } from '../shared-libraries.ts'

/** Where Debian's busybox-static puts it. */
const places = ['/usr/bin/busybox', '/bin/busybox']

/** Puts a static busybox at /bin/busybox, with a link for each of its applets. */
export async function addBusybox(root: RootFolder): Promise<readonly Part[]> {
  const busybox = await findBusybox()
  root.copy(busybox, '/bin/busybox', 0o755)
  const applets = (await runCommand(busybox, ['--list']))
    .split('\n')
    .filter((name) => name !== '' && name !== 'busybox')
  for (const name of applets) root.link(`/bin/${name}`, 'busybox')
  return debianPackages([busybox])
}

/** Installs it where it is missing and that can be done. */
async function findBusybox(): Promise<string> {
  const found = await staticBusybox()
  if (found !== null) return found
  if (process.getuid?.() === 0) {
    await runCommand('apt-get', ['install', '--yes', '--no-install-recommends', 'busybox-static'], {
      env: { DEBIAN_FRONTEND: 'noninteractive' },
    }).catch(() => null)
    const installed = await staticBusybox()
    if (installed !== null) return installed
  }
  throw new ImageError('missing-part', 'test images need a static busybox: apt-get install busybox-static')
}

async function staticBusybox(): Promise<string | null> {
  for (const path of places) if (existsSync(path) && (await sharedLibraries(path)).length === 0) return path
  return null
}
