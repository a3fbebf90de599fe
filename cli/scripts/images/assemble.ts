import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ImageError } from './image-error.ts'
import { makeLayer, type Layer } from './layer.ts'
import { planImage, writeArchive } from './oci-image.ts'
import type { Part } from './part.ts'
import { readDockerfile, type ImageDescription } from './read-dockerfile.ts'
import type { Recipe } from './recipe.ts'
import { RootFolder } from './root-folder.ts'
import { planSbom } from './sbom.ts'

export interface AssembleOptions {
  readonly outDir: string
  readonly cacheDir: string
  readonly created: Date
  /** What the Dockerfile of a released image must be labelled with. */
  readonly version: string
}

export interface AssembledImage {
  readonly name: string
  readonly digest: string
  readonly layers: readonly Layer[]
}

const repository = join(import.meta.dirname, '../../..')

/**
 * Makes `<out>/<name>/` (the build context of the Dockerfile), `<out>/<name>.tar` (the image as OCI archive) and
 * `<out>/<name>.sbom.json`.
 * @throws ImageError
 */
export async function assemble(recipe: Recipe, options: AssembleOptions): Promise<AssembledImage> {
  const { outDir, cacheDir, created } = options
  const description = readDockerfile(readFileSync(join(repository, recipe.dockerfile), 'utf8'), recipe.dockerfile)
  checkDescription(recipe, description, options.version)
  const context = join(outDir, recipe.name)
  rmSync(context, { recursive: true, force: true })
  mkdirSync(context, { recursive: true })
  const layers: Layer[] = []
  const parts: Part[] = []
  for (const { folder, uid, gid } of description.copies) {
    const root = new RootFolder(join(context, folder))
    parts.push(...((await recipe.folders[folder]?.(root)) ?? []))
    layers.push(await makeLayer(root.path, { uid, gid, mtime: created }, cacheDir))
  }
  const image = planImage({ description, layers, reference: recipe.reference, created })
  const archive = join(outDir, `${recipe.name}.tar`)
  await writeArchive(`${archive}.partial`, image, layers, created)
  renameSync(`${archive}.partial`, archive)
  const [name = '', tag = ''] = recipe.reference.split(':')
  const sbom = planSbom({ name, version: tag, digest: image.digest, created }, parts)
  writeFileSync(join(outDir, `${recipe.name}.sbom.json`), sbom)
  return { name: recipe.name, digest: image.digest, layers }
}

function checkDescription(recipe: Recipe, description: ImageDescription, version: string): void {
  const fail = (problem: string): never => {
    throw new ImageError('bad-dockerfile', `${recipe.dockerfile}: ${problem}`)
  }
  const described = description.copies.map(({ folder }) => folder).join(' ')
  const made = Object.keys(recipe.folders).join(' ')
  if (described !== made) fail(`it copies ${described}, and the context has ${made}`)
  const label = description.labels['org.opencontainers.image.version']
  if (recipe.released && label !== version) fail(`its version is ${label ?? 'missing'}, and ours is ${version}`)
}
