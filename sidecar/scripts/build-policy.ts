/** Compiles the guardrails to `policy/dist/guardrails.wasm`. Usage: build-policy.ts [path of opa] */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const [opa = 'opa'] = process.argv.slice(2)
const policy = join(import.meta.dirname, '../policy')
const dist = join(policy, 'dist')
const common = ['--capabilities', 'capabilities.json', '--ignore', '*_test.rego']
const sources = ['main.rego', 'coverage.rego', 'deny']

mkdirSync(dist, { recursive: true })
const work = mkdtempSync(join(dist, '.build-'))
try {
  run('opa', opa, ['check', '--strict', '--schema', 'schemas/input.json', ...common, ...sources])
  const bundle = join(work, 'bundle.tar.gz')
  run('opa', opa, ['build', '-t', 'wasm', '-e', 'sallyport/decision', ...common, '-o', bundle, ...sources])
  run('tar', 'tar', ['-xzf', bundle, '-C', work, '/policy.wasm'])
  renameSync(join(work, 'policy.wasm'), join(dist, 'guardrails.wasm'))
} finally {
  rmSync(work, { recursive: true, force: true })
}

function run(name: string, file: string, args: readonly string[]): void {
  execFileSync(file, args, { cwd: policy, stdio: ['ignore', 'inherit', name === 'tar' ? 'ignore' : 'inherit'] })
}
