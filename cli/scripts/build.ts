/** Bundles the sallyport command into cli/dist: one small entry, a chunk for each process, and the assets they read. */
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '../..')
const dist = join(root, 'cli/dist')

// CommonJS packages expect these three.
const banner = `import { createRequire as sallyportRequire } from 'node:module'
const require = sallyportRequire(import.meta.url), __filename = import.meta.filename, __dirname = import.meta.dirname`

rmSync(dist, { recursive: true, force: true })
await build({
  entryPoints: {
    sallyport: join(root, 'cli/src/main.ts'),
    'sallyport-controller': join(root, 'controller/src/main.ts'),
    'sallyport-sidecar': join(root, 'sidecar/src/main.ts'),
  },
  outdir: dist,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node22',
  sourcemap: true,
  sourcesContent: false,
  banner: { js: banner },
  logLevel: 'warning',
})
const policy = join(root, 'sidecar/policy')
mkdirSync(join(dist, 'policy'), { recursive: true })
cpSync(join(policy, 'dist/guardrails.wasm'), join(dist, 'policy/guardrails.wasm'))
cpSync(join(policy, 'capabilities.json'), join(dist, 'policy/capabilities.json'))
cpSync(join(policy, 'schemas'), join(dist, 'policy/schemas'), { recursive: true })
const fromSidecar = createRequire(join(root, 'sidecar/package.json'))
cpSync(join(dirname(fromSidecar.resolve('libpg-query')), 'libpg-query.wasm'), join(dist, 'libpg-query.wasm'))
