import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unpackTar } from 'modern-tar'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeLayer, type Layer } from './layer.ts'
import { planImage, writeArchive, type OciImage } from './oci-image.ts'
import { readDockerfile } from './read-dockerfile.ts'
import { RootFolder } from './root-folder.ts'

const description = readDockerfile(
  'FROM scratch\nLABEL a=b\nCOPY rootfs/ /\nENV PATH=/usr/bin\nUSER 5555:5555\nENTRYPOINT ["/usr/bin/x"]\n',
  'Dockerfile',
)
const reference = 'ghcr.io/sallyport-dev/sallyport-sidecar:0.1.0'

interface Descriptor {
  readonly digest: string
  readonly size: number
}

describe('an OCI archive', () => {
  let work = ''
  let layer: Layer
  beforeEach(async () => {
    work = mkdtempSync(join(tmpdir(), 'sallyport-oci-'))
    const root = new RootFolder(join(work, 'rootfs'))
    root.file('/usr/bin/x', 'x', 0o755)
    layer = await makeLayer(root.path, { uid: 0, gid: 0, mtime: new Date(0) }, join(work, 'cache'))
  })
  afterEach(() => rmSync(work, { recursive: true, force: true }))

  const image = (created = new Date(0)): OciImage => planImage({ description, layers: [layer], reference, created })
  const read = async (file: string): Promise<ReadonlyMap<string, Buffer>> => {
    const tar = await unpackTar(readFileSync(file), { strict: true })
    return new Map(tar.map(({ header, data }) => [header.name, Buffer.from(data ?? [])]))
  }

  it('leads from the index to the manifest, the configuration and the layers, each of the digest and size it is said to have', async () => {
    const file = join(work, 'image.tar')
    await writeArchive(file, image(), [layer], new Date(0))
    const files = await read(file)
    const blob = ({ digest, size }: Descriptor): Buffer => {
      const bytes = files.get(`blobs/${digest.replace(':', '/')}`)!
      expect(`sha256:${createHash('sha256').update(bytes).digest('hex')}`).toBe(digest)
      expect(bytes.length).toBe(size)
      return bytes
    }
    expect(JSON.parse(files.get('oci-layout')!.toString())).toEqual({ imageLayoutVersion: '1.0.0' })
    const index = JSON.parse(files.get('index.json')!.toString()) as {
      manifests: (Descriptor & { annotations: unknown })[]
    }
    expect(index.manifests).toHaveLength(1)
    expect(index.manifests[0]!.digest).toBe(image().digest)
    expect(index.manifests[0]!.annotations).toEqual({
      'io.containerd.image.name': reference,
      'org.opencontainers.image.ref.name': '0.1.0',
    })
    const manifest = JSON.parse(blob(index.manifests[0]!).toString()) as { config: Descriptor; layers: Descriptor[] }
    expect(manifest.layers.map(blob)).toEqual([readFileSync(layer.file)])
    expect(JSON.parse(blob(manifest.config).toString())).toEqual({
      created: '1970-01-01T00:00:00Z',
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: {
        User: '5555:5555',
        Env: ['PATH=/usr/bin'],
        Entrypoint: ['/usr/bin/x'],
        Labels: { a: 'b' },
      },
      rootfs: { type: 'layers', diff_ids: [layer.diffId] },
      history: [{ created: '1970-01-01T00:00:00Z', created_by: 'COPY rootfs/ /' }],
    })
    expect(files.size).toBe(6)
  })

  it('is the same, byte by byte, when the same image is written again', async () => {
    for (const name of ['one', 'two']) await writeArchive(join(work, name), image(), [layer], new Date(0))
    expect(readFileSync(join(work, 'one')).equals(readFileSync(join(work, 'two')))).toBe(true)
    expect(image(new Date(1000)).digest).not.toBe(image().digest)
  })
})
