/**
 * Builds the tools through the Go module proxy into a cache outside the tree, shared between clones: kube-apiserver, etcd
 * and opa, and those of the groups named as arguments (`cluster`: what a node runs).
 * Runs on bare Node 20 and without dependencies, so that it can work beside `npm ci`. Prints the cache's folder last.
 */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { takeLock } from './lock.mjs'
import { modules, toolFolder } from './tool-folder.mjs'

const folder = toolFolder()
const groups = process.argv.slice(2)
const missing = modules
  .map((module) => ({ ...module, tools: module.tools.filter(isMissing) }))
  .filter(({ tools }) => tools.length > 0)
const startedMs = Date.now()
if (missing.length > 0) {
  checkGo(Math.max(...missing.map((module) => module.goMinor)))
  const lock = await takeLock(join(folder, '.lock'), say)
  try {
    await Promise.all(missing.map(build))
  } finally {
    lock.release()
  }
}
process.stdout.write(`tools: ${folder}\n`)

function isMissing({ name, group }) {
  return (group === undefined || groups.includes(group)) && !existsSync(join(folder, name))
}

async function build(module) {
  const source = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, module.folder)
  const work = mkdtempSync(join(folder, '.build-'))
  try {
    for (const { name, path, ldflags } of module.tools) {
      const target = join(folder, name)
      if (existsSync(target)) continue
      say(`${name}: building ${path} (several minutes when nothing is cached)`)
      const output = join(work, name)
      await go(
        name,
        ['build', '-trimpath', '-mod=readonly', '-ldflags', `-s -w ${ldflags}`, '-o', output, path],
        source,
      )
      renameSync(output, target)
      say(`${name}: done`)
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function go(name, args, cwd) {
  const env = { ...process.env, CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '' }
  const child = spawn('go', args, { cwd, env, stdio: ['ignore', 'inherit', 'pipe'] })
  let tail = ''
  child.stderr.on('data', (chunk) => (tail = (tail + chunk).slice(-4000)))
  const beat = setInterval(() => say(`${name}: still building`), 30_000)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      clearInterval(beat)
      if (code === 0) resolve()
      else reject(new Error(`${name} could not be built (exit ${code}):\n${tail}`))
    })
  })
}

function say(text) {
  process.stderr.write(`[${String(Math.round((Date.now() - startedMs) / 1000)).padStart(4)} s] ${text}\n`)
}

function checkGo(minor) {
  let version = ''
  try {
    version = execFileSync('go', ['env', 'GOVERSION'], { encoding: 'utf8', cwd: '/' }).trim()
  } catch {
    fail(`Go 1.${minor} or newer is needed to build the test tools, and there is no go on the PATH.`)
  }
  const found = Number(/^go1\.(\d+)/.exec(version)?.[1] ?? 0)
  // An older Go can fetch a newer toolchain by itself unless it is told not to.
  const fetches = execFileSync('go', ['env', 'GOTOOLCHAIN'], { encoding: 'utf8', cwd: '/' }).trim() !== 'local'
  if (found < 21 || (found < minor && !fetches)) {
    fail(`Go 1.${minor} or newer is needed to build the test tools, and this is ${version}.`)
  }
}

function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
