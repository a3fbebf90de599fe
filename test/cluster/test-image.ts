import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Cluster } from './cluster.ts'
import { ociArchive } from './oci-archive.ts'

/** A shell, a web server and clients, in one static binary. */
export const busyboxImage = 'registry.local/busybox:test'

const applets = ['cat', 'echo', 'false', 'httpd', 'id', 'ip', 'kill', 'ls', 'nc', 'nslookup', 'sh', 'sleep', 'test', 'timeout', 'touch', 'true', 'wget'] // prettier-ignore

/** Gives the node an image of this machine's busybox. */
export async function importBusybox(cluster: Cluster): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'sallyport-busybox-'))
  try {
    const rootfs = join(work, 'rootfs')
    mkdirSync(join(rootfs, 'bin'), { recursive: true })
    mkdirSync(join(rootfs, 'tmp'))
    const binary = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path))
    copyFileSync(binary ?? '/bin/busybox', join(rootfs, 'bin/busybox'))
    for (const applet of applets) symlinkSync('busybox', join(rootfs, 'bin', applet))
    const archive = join(work, 'image.tar')
    await ociArchive(rootfs, { name: busyboxImage, config: { Cmd: ['/bin/sh'], Env: ['PATH=/bin'] } }, archive)
    await cluster.importImage(archive)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
