import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream, lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createGzip } from 'node:zlib'
import { packTar, type TarSource } from 'modern-tar/fs'
import { cached } from './cached.ts'

export interface Layer {
  /** The compressed tar. */
  readonly file: string
  readonly size: number
  /** `sha256:…` of the compressed tar. */
  readonly digest: string
  /** `sha256:…` of the tar. */
  readonly diffId: string
  /** Bytes of the tar: what the layer takes on a node's disk. */
  readonly unpackedSize: number
}

/** What the entries of a layer have in common. */
export interface EntryOptions {
  readonly uid: number
  readonly gid: number
  readonly mtime: Date
}

/**
 * A folder as one layer: entries sorted by their bytes, of one owner and one time, so that the same files give the same
 * digest. A layer that was compressed before is taken from the cache, by the digest of its tar.
 */
export async function makeLayer(root: string, entries: EntryOptions, cacheDir: string): Promise<Layer> {
  const sources = tarSources(root, entries)
  const tar = await digestOf(packTar(sources))
  const name = `${tar.digest.slice('sha256:'.length)}-zlib-${process.versions.zlib}.tar.gz`
  const file = await cached(join(cacheDir, name), async (path) => {
    await pipeline(packTar(sources), createGzip({ level: constants.Z_DEFAULT_COMPRESSION }), createWriteStream(path))
  })
  const { digest, size } = await digestOf(createReadStream(file))
  return { file, size, digest, diffId: tar.digest, unpackedSize: tar.size }
}

/** What is in a folder, each entry after the folder it is in. */
export function tarSources(root: string, { uid, gid, mtime }: EntryOptions): readonly TarSource[] {
  const visit = (inside: string): readonly TarSource[] =>
    readdirSync(join(root, inside), { withFileTypes: true })
      .sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
      .flatMap((entry): readonly TarSource[] => {
        const source = join(root, inside, entry.name)
        const target = join(inside, entry.name)
        const common = { mtime, uid, gid, mode: lstatSync(source).mode & 0o7777 }
        if (!entry.isDirectory()) return [{ type: 'file', source, target, ...common }]
        return [{ type: 'content', content: '', target: `${target}/`, ...common }, ...visit(target)]
      })
  return visit('')
}

async function digestOf(stream: NodeJS.ReadableStream): Promise<{ readonly digest: string; readonly size: number }> {
  const hash = createHash('sha256')
  let size = 0
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      size += chunk.length
      done()
    },
  })
  await pipeline(stream, sink)
  return { digest: `sha256:${hash.digest('hex')}`, size }
}
