import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { packTar, type TarSource } from 'modern-tar/fs'
import type { Layer } from './layer.ts'
import type { ImageDescription } from './read-dockerfile.ts'

const mediaTypes = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const

interface Blob {
  readonly digest: string
  readonly size: number
  readonly content: string
}

/** Everything of an image but its layers. */
export interface OciImage {
  /** `sha256:…` of the manifest: what a registry calls the image's digest. */
  readonly digest: string
  readonly blobs: readonly Blob[]
  /** Files of the archive that are found by name. */
  readonly files: Readonly<Record<string, string>>
}

export interface ImageContents {
  readonly description: ImageDescription
  readonly layers: readonly Layer[]
  /** `registry/repository:tag`. */
  readonly reference: string
  readonly created: Date
}

/** An image by the OCI image specification 1.1, for this machine's processor. */
export function planImage({ description, layers, reference, created }: ImageContents): OciImage {
  const config = blob(configOf(description, layers, created))
  const manifest = blob({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest: config.digest, size: config.size },
    layers: layers.map(({ digest, size }) => ({ mediaType: mediaTypes.layer, digest, size })),
  })
  const tag = reference.slice(reference.lastIndexOf(':') + 1)
  const index = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [
      {
        mediaType: mediaTypes.manifest,
        digest: manifest.digest,
        size: manifest.size,
        platform: platform(),
        annotations: { 'io.containerd.image.name': reference, 'org.opencontainers.image.ref.name': tag },
      },
    ],
  }
  // What `docker load` read before it knew the OCI layout.
  const legacy = [
    { Config: blobPath(config.digest), RepoTags: [reference], Layers: layers.map(({ digest }) => blobPath(digest)) },
  ]
  return {
    digest: manifest.digest,
    blobs: [config, manifest],
    files: {
      'oci-layout': JSON.stringify({ imageLayoutVersion: '1.0.0' }),
      'index.json': JSON.stringify(index),
      'manifest.json': JSON.stringify(legacy),
    },
  }
}

/** Writes an OCI archive. The same image gives the same bytes. */
export async function writeArchive(
  file: string,
  image: OciImage,
  layers: readonly Layer[],
  mtime: Date,
): Promise<void> {
  const common = { mtime, uid: 0, gid: 0, mode: 0o644 }
  const text = (target: string, content: string): TarSource => ({ type: 'content', target, content, ...common })
  const sources: readonly TarSource[] = [
    ...Object.entries(image.files).map(([name, content]) => text(name, content)),
    ...image.blobs.map(({ digest, content }) => text(blobPath(digest), content)),
    ...layers.map((layer): TarSource => ({
      type: 'file',
      source: layer.file,
      target: blobPath(layer.digest),
      ...common,
    })),
  ]
  const sorted = [...sources].sort((a, b) => (a.target < b.target ? -1 : 1))
  await pipeline(packTar(sorted), createWriteStream(file))
}

function configOf(description: ImageDescription, layers: readonly Layer[], created: Date): unknown {
  const { user, entrypoint, command, env, labels, workingDir, copies } = description
  return {
    created: timestamp(created),
    ...platform(),
    config: {
      User: user,
      Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      ...(entrypoint.length > 0 ? { Entrypoint: entrypoint } : {}),
      ...(command.length > 0 ? { Cmd: command } : {}),
      ...(workingDir === '/' ? {} : { WorkingDir: workingDir }),
      ...(Object.keys(labels).length > 0 ? { Labels: labels } : {}),
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: copies.map(({ folder }) => ({ created: timestamp(created), created_by: `COPY ${folder}/ /` })),
  }
}

function platform(): { readonly architecture: string; readonly os: 'linux' } {
  return { architecture: process.arch === 'x64' ? 'amd64' : process.arch, os: 'linux' }
}

/** RFC 3339 without fractions. */
function timestamp(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z')
}

function blob(value: unknown): Blob {
  const content = JSON.stringify(value)
  const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`
  return { digest, size: Buffer.byteLength(content), content }
}

function blobPath(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`
}
