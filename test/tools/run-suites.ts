/**
 * Runs suites, all or those named, and sums them up in the last line. A suite that crashes counts as one failure, so
 * that nothing can pass by not running.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { toolFolder } from './tool-folder.mjs'

interface Score {
  readonly passed: number
  readonly failed: number
  readonly skipped?: number
}

interface Suite {
  readonly name: string
  readonly command: readonly string[]
  /** Reads the score from what the command wrote; absent: the exit code is one check. */
  readonly score?: (report: string, stdout: string) => Score
  /** The score is read from stdout, which is not shown then. */
  readonly captured?: true
  /** Target of make that brings what it runs on. */
  readonly prepared?: string
  /** It runs on a cluster: images and the node's programs are made first. */
  readonly onCluster?: true
}

const work = mkdtempSync(join(tmpdir(), 'sallyport-suites-'))
const suites: readonly Suite[] = [
  { name: 'types', command: ['tsc', '--noEmit', '-p', 'tsconfig.json'] },
  { name: 'lint', command: ['eslint', '--max-warnings=0', '.'] },
  { name: 'format', command: ['prettier', '--log-level=warn', '--check', '.'] },
  { name: 'doors', command: ['depcruise', '--config', '.dependency-cruiser.cjs', 'crds', 'sidecar', 'controller', 'cli', 'test'] }, // prettier-ignore
  { name: 'generated', command: ['node', 'crds/scripts/generate.ts', '--check'] },
  { name: 'reasons', command: ['node', 'test/tools/check-reasons.ts'] },
  { name: 'policy', command: ['opa', 'test', '--format=json', 'sidecar/policy', '--ignore', 'dist', '--ignore', '*.json'], score: opaScore, captured: true }, // prettier-ignore
  { name: 'redirect', command: ['bash', '-c', 'cd sidecar/redirect && test -z "$(gofmt -l .)" && go vet ./... && go test -count=1 -json ./...'], score: goScore, captured: true }, // prettier-ignore
  vitest('unit'),
  vitest('integration'),
  vitest('fuzz'),
  { ...vitest('drivers'), prepared: 'driver-tools' },
  { ...vitest('cluster'), onCluster: true },
  { ...vitest('e2e'), onCluster: true },
  { ...vitest('resilience'), onCluster: true },
]

const wanted = process.argv.slice(2)
const chosen = suites.filter(({ name }) => wanted.length === 0 || wanted.includes(name))
const env = { ...process.env, PATH: `${toolFolder()}${delimiter}${process.env.PATH ?? ''}`, FORCE_COLOR: '0' }
let total = { passed: 0, failed: 0, skipped: 0 }
let hasClusterParts = false
for (const suite of chosen) {
  const startedMs = performance.now()
  const { passed, failed, skipped = 0 } = suite.onCluster ? runOnCluster(suite) : run(suite)
  total = { passed: total.passed + passed, failed: total.failed + failed, skipped: total.skipped + skipped }
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  process.stdout.write(`== ${suite.name}: ${line({ passed, failed, skipped })} (${seconds} s)\n`)
}
rmSync(work, { recursive: true, force: true })
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0
process.stdout.write(`${line(total)}\n`)

function line({ passed, failed, skipped }: Required<Score>): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}

/** Where no cluster can be made, a person's run goes on without; that of CI, and who asks for the suite by name, does not. */
function runOnCluster(suite: Suite): Score {
  const isNamed =
    `${process.env.SALLYPORT_E2E_KUBECONFIG ?? ''}${process.env.SALLYPORT_E2E_IMAGE_REGISTRY ?? ''}` !== ''
  const canMakeOne = process.platform === 'linux' && process.getuid?.() === 0
  const isAsked = wanted.length > 0 || process.env.CI === 'true'
  if (!isNamed && !canMakeOne && !isAsked) {
    process.stdout.write(
      `${suite.name} is skipped: a cluster of its own needs Linux and root (sudo make ${suite.name})\n`,
    )
    return { passed: 0, failed: 0, skipped: 1 }
  }
  if (!hasClusterParts) {
    const target = isNamed ? [] : ['cluster-tools', 'images', 'test-images']
    if (target.length > 0 && !make(...target)) return { passed: 0, failed: 1 }
    hasClusterParts = true
  }
  return run(suite)
}

function make(...targets: readonly string[]): boolean {
  return spawnSync('make', ['--no-print-directory', ...targets], { stdio: 'inherit', env }).status === 0
}

function run({ name, command, score, captured, prepared }: Suite): Score {
  if (prepared !== undefined && !make(prepared)) return { passed: 0, failed: 1 }
  const [file = '', ...args] = command
  const stdio = ['ignore', captured ? 'pipe' : 'inherit', 'inherit'] as const
  const result = spawnSync(file, args, { stdio: [...stdio], env, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  const ok = result.status === 0
  if (!score) return { passed: ok ? 1 : 0, failed: ok ? 0 : 1 }
  const found = read(() => score(join(work, `${name}.json`), captured ? result.stdout : ''))
  if (!found || found.passed + found.failed === 0) return { passed: 0, failed: 1 }
  return ok || found.failed > 0 ? found : { ...found, failed: 1 }
}

function read(score: () => Score): Score | null {
  try {
    return score()
  } catch {
    return null
  }
}

function vitest(project: string): Suite {
  const report = join(work, `${project}.json`)
  return {
    name: project,
    command: [
      'vitest',
      'run',
      '--project',
      project,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
    ],
    score: (path) => {
      const found = JSON.parse(readFileSync(path, 'utf8')) as VitestReport
      const { numPassedTests: passed, numFailedTests, numFailedTestSuites, numPendingTests: skipped } = found
      return { passed, failed: Math.max(numFailedTests, numFailedTestSuites > 0 ? 1 : 0), skipped }
    },
  }
}

interface VitestReport {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numFailedTestSuites: number
  readonly numPendingTests: number
}

function opaScore(_report: string, stdout: string): Score {
  const results = JSON.parse(stdout) as readonly { readonly fail?: boolean; readonly error?: unknown }[]
  const failed = results.filter(({ fail, error }) => fail === true || error !== undefined)
  for (const each of failed) process.stdout.write(`${JSON.stringify(each)}\n`)
  return { passed: results.length - failed.length, failed: failed.length }
}

interface GoEvent {
  readonly Action: string
  readonly Package?: string
  /** Names of subtests follow after a slash; absent for what concerns the package. */
  readonly Test?: string
  readonly Output?: string
}

/** Tests without subtests, and subtests: a test is not counted beside its own. What failed or was skipped is shown. */
function goScore(_report: string, stdout: string): Score {
  const events = stdout.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as GoEvent] : []))
  const key = ({ Package, Test }: GoEvent): string => `${Package ?? ''} ${Test ?? ''}`
  const above = (event: GoEvent): readonly string[] =>
    [...key(event).matchAll(/\//g)].map(({ index }) => key(event).slice(0, index))
  const parents = new Set(events.flatMap(above))
  const ended = (action: string): readonly GoEvent[] => events.filter(({ Action }) => Action === action)
  const leaves = (action: string): number =>
    ended(action).filter((event) => event.Test && !parents.has(key(event))).length
  const shown = new Set([...ended('fail'), ...ended('skip')].filter(({ Test }) => Test).map(key))
  const broken = ended('build-output').concat(
    events.filter((event) => event.Action === 'output' && shown.has(key(event))),
  )
  for (const { Output } of broken) process.stdout.write(Output ?? '')
  return { passed: leaves('pass'), failed: leaves('fail') }
}
