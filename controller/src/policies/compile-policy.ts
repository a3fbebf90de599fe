import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { digestOfBytes } from '@sallyport/crds'
import { unpackTar } from 'modern-tar'
import { PolicyError } from './errors.ts'
import { readModule } from './read-module.ts'

export type PolicyCompilation =
  | {
      readonly ok: true
      readonly wasm: Uint8Array
      /** `sha256:…` */
      readonly digest: string
      readonly volatile: boolean
    }
  /** `problems`: each `policy.rego:row:col: sentence`. */
  | { readonly ok: false; readonly problems: readonly string[] }

export interface Compiler {
  /** Rejects only when opa itself cannot be run. */
  readonly compile: (rego: string) => Promise<PolicyCompilation>
  /** Changes when the same source may compile to another module. */
  readonly version: string
}

export interface CompilerOptions {
  /** Path of the opa binary. */
  readonly opa: string
  /** Folder with capabilities.json and schemas/input.json. */
  readonly policyDir?: string
}

const entrypoints = ['deny', 'mask', 'limit'] as const
const file = 'policy.rego'
const timeLimitMs = 60_000

/** Compiles Rego to WASM by `opa build`, strict, against the schema of the input, without built-ins that do I/O. */
export function policyCompiler({ opa, policyDir = builtInPolicyDir() }: CompilerOptions): Compiler {
  const capabilities = join(policyDir, 'capabilities.json')
  const schema = join(policyDir, 'schemas/input.json')
  let last: Promise<unknown> = Promise.resolve()
  return {
    version: createHash('sha256').update(readFileSync(capabilities)).update(readFileSync(schema)).digest('hex'),
    // One at a time: a compiler takes a core and some hundred megabytes.
    compile: (rego) => {
      const next = last.then(() => compileIn(opa, { capabilities, schema }, rego))
      last = next.catch(() => undefined)
      return next
    },
  }
}

interface Inputs {
  readonly capabilities: string
  readonly schema: string
}

async function compileIn(opa: string, { capabilities, schema }: Inputs, rego: string): Promise<PolicyCompilation> {
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-policy-'))
  try {
    await writeFile(join(dir, file), rego)
    const limits = ['--capabilities', capabilities]
    const checked = await run(opa, ['check', '--strict', '--format=json', '--schema', schema, ...limits, file], dir)
    if (checked.code !== 0) return { ok: false, problems: problemsOf(checked.stderr, checked.stdout) }
    const parsed = await run(opa, ['parse', '--format=json', file], dir)
    const module = readModule(parsed.stdout)
    const defined = entrypoints.filter((name) => module.rules.has(name))
    const problem = moduleProblem(module.package, defined)
    if (problem !== null) return { ok: false, problems: [`${file}:1:1: ${problem}`] }
    const named = defined.flatMap((name) => ['-e', `policy/${name}`])
    const built = await run(opa, ['build', '-t', 'wasm', ...named, ...limits, '-o', 'bundle.tar.gz', file], dir)
    if (built.code !== 0) return { ok: false, problems: problemsOf(built.stderr, built.stdout) }
    const wasm = await readWasm(join(dir, 'bundle.tar.gz'))
    return { ok: true, wasm, digest: digestOfBytes(wasm), volatile: module.volatile }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** The controller's image has no tar. */
async function readWasm(bundle: string): Promise<Buffer> {
  const entries = await unpackTar(gunzipSync(await readFile(bundle)))
  const data = entries.find(({ header }) => header.name === '/policy.wasm')?.data
  if (!data) throw new PolicyError('compiler-not-runnable', 'opa built a bundle without policy.wasm')
  return Buffer.from(data)
}

function moduleProblem(name: string, defined: readonly string[]): string | null {
  if (name !== 'policy') return `package is ${name}; it must be policy`
  return defined.length === 0 ? 'none of deny, mask and limit is defined' : null
}

interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function run(command: string, args: readonly string[], cwd: string): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const options = { cwd, timeout: timeLimitMs, maxBuffer: 64 * 1024 * 1024, killSignal: 'SIGKILL' } as const
    execFile(command, args, options, (error, stdout, stderr) => {
      if (!error) resolve({ code: 0, stdout, stderr })
      else if (error.killed === true) resolve({ code: 1, stdout: '', stderr: 'compiling takes longer than a minute' })
      else if (typeof error.code === 'number') resolve({ code: error.code, stdout, stderr })
      else reject(new PolicyError('compiler-not-runnable', `${command} cannot be run`, { cause: error }))
    })
  })
}

/** opa's errors as `file:row:col: message`, in the order of the file. */
function problemsOf(stderr: string, stdout: string): readonly string[] {
  const text = stderr.trim() === '' ? stdout : stderr
  const errors = parseErrors(text)
  if (errors.length > 0) return errors.slice(0, 20)
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !/^\d+ errors? occurred/.test(line))
  return lines.length > 0 ? lines.slice(0, 20) : ['the policy does not compile']
}

function parseErrors(text: string): readonly string[] {
  try {
    const value = JSON.parse(text) as { readonly errors?: readonly OpaError[] }
    return (value.errors ?? []).map(({ message, code = '', location }) => {
      const at = location ? `${file}:${location.row}:${location.col}` : `${file}:1:1`
      return `${at}: ${code === '' ? '' : `${code}: `}${message}`
    })
  } catch {
    return []
  }
}

interface OpaError {
  readonly message: string
  readonly code?: string
  readonly location?: { readonly row: number; readonly col: number }
}

/** Beside the bundle in a release, in the sidecar's policy folder of a checkout. */
function builtInPolicyDir(): string {
  const candidates = ['./policy', '../../../sidecar/policy']
  const paths = candidates.map((candidate) => fileURLToPath(new URL(candidate, import.meta.url)))
  return paths.find((path) => existsSync(join(path, 'capabilities.json'))) ?? paths[0] ?? ''
}
