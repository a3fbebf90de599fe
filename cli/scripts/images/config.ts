import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { ImageError } from './image-error.ts'

export interface ImagesConfig {
  /** Where `<name>/`, `<name>.tar` and `<name>.sbom.json` are written. */
  readonly outDir: string
  /** Names of images, in the order they were given. */
  readonly names: readonly string[]
  /** Folder of compressed layers, shared between clones. */
  readonly cacheDir: string
  /** Time of every file and image; 1970 unless SOURCE_DATE_EPOCH says otherwise. */
  readonly created: Date
}

/** @throws ImageError `bad-usage` */
export function parseImagesConfig(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): ImagesConfig {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { out: { type: 'string', default: 'dist/images' }, cache: { type: 'string' } },
  })
  const epoch = env.SOURCE_DATE_EPOCH ?? '0'
  if (!/^\d{1,11}$/.test(epoch)) throw new ImageError('bad-usage', 'SOURCE_DATE_EPOCH must be a number of seconds')
  const cache = env.XDG_CACHE_HOME === undefined || env.XDG_CACHE_HOME === '' ? join(homedir(), '.cache') : env.XDG_CACHE_HOME // prettier-ignore
  return {
    outDir: resolve(values.out),
    names: positionals,
    cacheDir: resolve(values.cache ?? join(cache, 'sallyport', 'layers')),
    created: new Date(Number(epoch) * 1000),
  }
}
