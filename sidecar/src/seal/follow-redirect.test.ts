import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DatabaseBinding } from '@sallyport/crds'
import { followRedirect, type FollowRedirectOptions } from './follow-redirect.ts'
import { ProbeFolder } from './probe-folder.ts'
import type { ProbeTargets } from './probe-targets.ts'
import { boundDatabase, pause } from './testing/seal-fixtures.ts'

let dir = ''
let stop = new AbortController()
let running: Promise<void> | null = null
/** `<status> <reason>|<why it may not start>`, as found last. */
let found = ''
let databases: readonly DatabaseBinding[] = []
let change: () => void = () => undefined

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sallyport-seal-'))
  found = ''
  databases = [boundDatabase('db', 5432)]
})
afterEach(async () => {
  stop.abort()
  await running
  stop = new AbortController()
  rmSync(dir, { recursive: true })
})

function start(options: Partial<FollowRedirectOptions> = {}): void {
  running = followRedirect({
    folder: new ProbeFolder(dir),
    redirects: new Map([['agents/db', 15910], ['agents/other', 15911]]), // prettier-ignore
    databases: () => databases,
    subscribe: (listener) => {
      change = listener
      return () => undefined
    },
    onFindings: (seal, problem) => {
      found = `${seal ? `${seal.status} ${seal.reason}` : 'null'}|${problem ?? ''}`
    },
    firstRevision: 1000,
    clock: { monotonic: () => performance.now() },
    pause,
    signal: stop.signal,
    log: pino({ enabled: false }),
    pollMs: 20,
    ...options,
  })
}

/** Plays the probe. */
function answer(outcome: string, revision = targets().revision, unixMs = 1, name = 'result.json'): void {
  const results = targets().targets.map(({ database }) => ({ database, outcome, detail: 'so it is' }))
  put(JSON.stringify({ revision, unixMs, results }), name)
}

function put(text: string, name = 'result.json'): void {
  writeFileSync(join(dir, `${name}.new`), text)
  renameSync(join(dir, `${name}.new`), join(dir, name))
}

/** A good result, in a file of another name. */
function link(): void {
  answer('Redirected', targets().revision, 1, 'other.json')
  symlinkSync('other.json', join(dir, 'result.json'))
}

function targets(): ProbeTargets {
  return JSON.parse(readFileSync(join(dir, 'targets.json'), 'utf8')) as ProbeTargets
}

async function until(check: () => boolean): Promise<void> {
  while (!check()) await new Promise((resolve) => setImmediate(resolve))
}

const untilFound = (pattern: RegExp): Promise<void> => until(() => pattern.test(found))

describe('the probe in Redirect mode', () => {
  it('is told what to try, in a file that another user can read', async () => {
    start()
    await untilFound(/^null\|.*not yet tried/)
    const engine = 'PostgreSQL'
    expect(targets()).toEqual({ revision: 1001, targets: [{ database: 'agents/db', host: '127.0.0.1', port: 5432, engine }] }) // prettier-ignore
    expect(statSync(join(dir, 'targets.json')).mode & 0o444).toBe(0o444)
  })

  it('is believed for exactly what it was asked', async () => {
    start()
    await until(() => found !== '')
    answer('Redirected', 7)
    answer('Redirected')
    await untilFound(/^True Redirected\|$/)
    databases = [boundDatabase('db', 5433), boundDatabase('other')]
    change()
    await untilFound(/^null\|/)
    expect(targets().revision).toBe(1002)
    answer('DirectPathOpen')
    await untilFound(/^False DirectPathOpen\|.*so it is/)
    answer('Blocked')
    await untilFound(/^True Redirected\|$/)
  })

  it('is not asked about a Database the pod was not made for, which does not keep the pod from starting', async () => {
    databases = [boundDatabase('db'), boundDatabase('late')]
    start()
    await untilFound(/^False NotRedirected\|.*not yet tried/)
    expect(targets().targets).toHaveLength(1)
    answer('Redirected')
    await untilFound(/^False NotRedirected\|$/)
  })

  it('need not answer where there is no Database', async () => {
    databases = []
    start()
    await untilFound(/^True Redirected\|$/)
  })

  it('is given up when it says nothing new', async () => {
    let nowMs = 0
    start({ clock: { monotonic: () => nowMs }, silenceMs: 1000 })
    await until(() => found !== '')
    answer('Redirected')
    await untilFound(/^True/)
    nowMs = 1500
    await untilFound(/^Unknown ProbeFailed\|$/)
    answer('Redirected', targets().revision, 2)
    await untilFound(/^True/)
  })

  it.each<[string, () => void]>([
    ['bytes that are no JSON', () => put('{')],
    ['more than it may be', () => put(' '.repeat(600 << 10))],
    ['a link, wherever it leads', link],
  ])('is not believed with %s', async (_what, harm) => {
    start()
    await until(() => found !== '')
    harm()
    await untilFound(/^Unknown ProbeFailed\|.*not yet tried/)
    rmSync(join(dir, 'result.json'))
    answer('Redirected')
    await untilFound(/^True/)
  })

  it('is asked again when the folder can be used again', async () => {
    rmSync(dir, { recursive: true })
    start()
    await untilFound(/^Unknown ProbeFailed\|.*not yet tried/)
    mkdirSync(dir)
    await untilFound(/^null\|/)
    answer('Redirected')
    await untilFound(/^True/)
  })
})
