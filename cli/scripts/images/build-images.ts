/**
 * Puts images together without Docker. Usage: build-images.ts [--out DIR] [--cache DIR] [NAME…]; default are the images of a
 * release, in dist/images. Prints sizes and digests. SOURCE_DATE_EPOCH: the time of every file, in seconds; default 0.
 */
import { mkdirSync } from 'node:fs'
import manifest from '../../package.json' with { type: 'json' }
import { assemble, type AssembledImage } from './assemble.ts'
import { parseImagesConfig } from './config.ts'
import { ImageError } from './image-error.ts'
import { releaseRecipes } from './recipes/release.ts'
import { testRecipes } from './recipes/test.ts'

try {
  const { names, ...config } = parseImagesConfig(process.argv.slice(2))
  const known = [...releaseRecipes, ...testRecipes]
  const chosen = (names.length === 0 ? releaseRecipes.map(({ name }) => name) : names).map((name) => {
    const recipe = known.find((each) => each.name === name)
    if (!recipe) throw new ImageError('bad-usage', `no image ${name}; there are ${known.map((each) => each.name).join(', ')}`) // prettier-ignore
    return recipe
  })
  mkdirSync(config.outDir, { recursive: true })
  // One after the other: they share layers, and compressing one keeps a processor busy.
  const images: AssembledImage[] = []
  for (const recipe of chosen) images.push(await assemble(recipe, { ...config, version: manifest.version }))
  process.stdout.write(table(images))
} catch (cause) {
  if (!(cause instanceof ImageError)) throw cause
  process.stderr.write(`images: ${cause.code}: ${cause.message}\n`)
  process.exitCode = 1
}

function table(images: readonly AssembledImage[]): string {
  const rows = images.map(({ name, layers, digest }) => {
    const unpacked = layers.reduce((sum, layer) => sum + layer.unpackedSize, 0)
    const compressed = layers.reduce((sum, layer) => sum + layer.size, 0)
    return [name.padEnd(14), megabytes(unpacked), megabytes(compressed), `  ${digest}`].join('')
  })
  return ['image               on disk  compressed  digest', ...rows, ''].join('\n')
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`.padStart(12)
}
