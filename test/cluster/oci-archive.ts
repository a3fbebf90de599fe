import { createHash } from 'node:crypto'
import { createReadStream, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../rig/process.ts'

export interface ImageDescription {
  /** With its tag: registry.local/app:test. */
  readonly name: string
  /** As in the image configuration: Entrypoint, Cmd, Env, User, WorkingDir. */
  readonly config: Readonly<Record<string, unknown>>
}

const architecture = process.arch === 'x64' ? 'amd64' : process.arch
// Owners and times of this machine are nobody's business, and one folder makes one archive.
const plain = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=pax', '--pax-option=delete=atime,delete=ctime'] // prettier-ignore

/** Packs a root folder into an OCI archive of one layer, for tests; releases are made elsewhere. */
export async function ociArchive(rootfs: string, { name, config }: ImageDescription, target: string): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'sallyport-image-'))
  try {
    const blobs = join(work, 'blobs/sha256')
    mkdirSync(blobs, { recursive: true })
    const layerFile = join(work, 'layer')
    await run('tar', [...plain, '-C', rootfs, '-cf', layerFile, '.'])
    const layer = await fileDescriptor(layerFile, 'application/vnd.oci.image.layer.v1.tar')
    renameSync(layerFile, join(blobs, layer.digest.slice('sha256:'.length)))
    const json = (mediaType: string, content: unknown): Descriptor => {
      const text = JSON.stringify(content)
      const hex = createHash('sha256').update(text).digest('hex')
      writeFileSync(join(blobs, hex), text)
      return { mediaType, digest: `sha256:${hex}`, size: Buffer.byteLength(text) }
    }
    const image = json('application/vnd.oci.image.config.v1+json', {
      architecture,
      os: 'linux',
      config,
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
    })
    const mediaType = 'application/vnd.oci.image.manifest.v1+json'
    const manifest = json(mediaType, { schemaVersion: 2, mediaType, config: image, layers: [layer] })
    const annotations = { 'io.containerd.image.name': name }
    const index = { schemaVersion: 2, manifests: [{ ...manifest, annotations }] }
    writeFileSync(join(work, 'index.json'), JSON.stringify(index))
    writeFileSync(join(work, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
    await run('tar', [...plain, '-C', work, '-cf', target, 'oci-layout', 'index.json', 'blobs'])
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

async function fileDescriptor(file: string, mediaType: string): Promise<Descriptor> {
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    hash.update(chunk)
    size += chunk.length
  }
  return { mediaType, digest: `sha256:${hash.digest('hex')}`, size }
}
