import { cpSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { build, type Metafile } from 'esbuild'

const root = join(import.meta.dirname, '../..')

const entryPoints = {
  sallyport: 'cli/src/main.ts',
  'sallyport-controller': 'controller/src/main.ts',
  'sallyport-sidecar': 'sidecar/src/main.ts',
} as const
export type Executable = keyof typeof entryPoints

/** What an executable reads beside its code. */
const assets = {
  sallyport: ['guardrails', 'parser', 'compiler'],
  'sallyport-controller': ['compiler'],
  'sallyport-sidecar': ['guardrails', 'parser'],
} as const satisfies Record<Executable, readonly string[]>

/** Threads of their own: found by their name, beside the code that starts them. */
const workers = { parser: { 'parse-worker': 'sidecar/src/analysis/parse-worker.ts' } } as const

// CommonJS packages expect these three.
const banner = `import { createRequire as sallyportRequire } from 'node:module'
const require = sallyportRequire(import.meta.url), __filename = import.meta.filename, __dirname = import.meta.dirname`

export interface BundleOptions {
  readonly executables: readonly Executable[]
  /** An existing folder. */
  readonly folder: string
  /**
   * `checkout`: as written, with source maps. `image`: without white space and maps, which makes a sidecar 4 MB and a
   * controller 15 MB smaller in memory; names stay, for stack traces.
   */
  readonly form: 'checkout' | 'image'
}

/**
 * Bundles executables into one folder: a small entry for each, the chunks they share, and the assets they read. Two
 * bundles of the same sources are the same, wherever they are written.
 * @returns what esbuild put into them; paths of inputs are relative to the repository.
 */
export async function bundle({ executables, folder, form }: BundleOptions): Promise<Metafile> {
  const wanted = new Set(executables.flatMap((name): readonly string[] => assets[name]))
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: {
      ...Object.fromEntries(executables.map((name) => [name, entryPoints[name]])),
      ...(wanted.has('parser') ? workers.parser : {}),
    },
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    sourcemap: form === 'checkout',
    sourcesContent: false,
    minifyWhitespace: form === 'image',
    minifySyntax: form === 'image',
    metafile: true,
    banner: { js: banner },
    logLevel: 'warning',
  })
  if (wanted.has('guardrails')) copy('sidecar/policy/dist/guardrails.wasm', join(folder, 'policy/guardrails.wasm'))
  if (wanted.has('compiler')) {
    copy('sidecar/policy/capabilities.json', join(folder, 'policy/capabilities.json'))
    copy('sidecar/policy/schemas', join(folder, 'policy/schemas'))
  }
  if (wanted.has('parser')) {
    const parser = createRequire(join(root, 'sidecar/package.json')).resolve('libpg-query')
    cpSync(join(dirname(parser), 'libpg-query.wasm'), join(folder, 'libpg-query.wasm'))
  }
  return metafile
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true })
  cpSync(join(root, from), to, { recursive: true })
}
