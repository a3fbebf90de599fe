import { copyFileSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { run, until } from '../rig/process.ts'
import { toolPath } from '../rig/tool-paths.ts'
import { pauseImage, type Layout } from './layout.ts'
import { ociArchive } from './oci-archive.ts'

/** Gives an image of an OCI archive to the node. Resolves when the kubelet would find it. @throws RigError */
export async function importImage(layout: Layout, archive: string): Promise<void> {
  const ctr = (args: readonly string[]): Promise<string> =>
    run('ctr', ['--address', layout.containerdSocket, '--namespace', 'k8s.io', 'images', ...args])
  const output = await ctr(['import', archive])
  const names = [...output.matchAll(/^unpacking (\S+) /gm)].map(([, name]) => name ?? '')
  // The part that serves the kubelet hears of a new image a moment later, and then labels it.
  for (const name of names)
    await until(async () => (await ctr(['ls', `name==${name}`])).includes('io.cri-containerd.image=managed'), name)
}

/** What holds a pod's namespaces; without it no pod starts. */
export async function importPause(layout: Layout): Promise<void> {
  const rootfs = join(layout.dir, 'pause')
  const archive = join(layout.dir, 'pause.tar')
  mkdirSync(rootfs)
  copyFileSync(toolPath('pause'), join(rootfs, 'pause'))
  await ociArchive(rootfs, { name: pauseImage, config: { Entrypoint: ['/pause'], User: '65535:65535' } }, archive)
  await importImage(layout, archive)
  rmSync(rootfs, { recursive: true })
  rmSync(archive)
}
