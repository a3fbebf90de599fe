import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { firstAuthority } from './bundle/testing/certificates.ts'
import { askRaw, connectRaw } from './testing/raw-client.ts'
import { testDatabase } from './testing/test-listeners.ts'
import { TestPod, until } from './testing/test-pod.ts'
import { probeRequest } from './wire/postgres/startup.ts'

// A process is loaded from its sources, which takes seconds on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

let pod: TestPod
let child: ChildProcess | null = null
let log = ''

beforeEach(async () => {
  pod = await TestPod.start()
})
afterEach(() => {
  child?.kill('SIGKILL')
  pod.stop()
})

/** Starts the executable as the image does; `--import` adds what a test does to it from inside. */
function start(flags: readonly string[], inside = ''): Promise<readonly [number | null, NodeJS.Signals | null]> {
  log = ''
  const main = join(import.meta.dirname, 'main.ts')
  const started = spawn(process.execPath, ['--import', `data:text/javascript,${inside}`, main, ...flags], {
    env: { ...process.env, POD_UID: 'uid-1', POD_NAMESPACE: 'agents', POD_NAME: 'report-1' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  child = started
  started.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()))
  return once(started, 'close').then(([code, signal]) => [code as number | null, signal as NodeJS.Signals | null])
}

const flags = (): readonly string[] => [
  `--controller-url=${pod.controller.url}`,
  `--controller-ca=${firstAuthority.ca}`,
  `--token-file=${join(pod.dir, 'token')}`,
  `--spool-dir=${join(pod.dir, 'spool')}`,
]

async function serve(): Promise<void> {
  await pod.grant([testDatabase('db', pod.localPort, 1)])
  await until(async () => (await askRaw(pod.localPort, probeRequest()).catch(() => '')) === 'sallyport')
}

describe('the executable of the sidecar', () => {
  it('ends with 2 and says everything that is wrong with its flags', async () => {
    expect(await start(['--interception=None', '--drain-seconds=x'])).toEqual([2, null])
    expect(log).toContain('--interception must be Local or Redirect')
    expect(log).toContain('--drain-seconds')
  })

  it('ends with 1 after a crash, and says so', async () => {
    const ended = start(flags(), "process.on('SIGUSR2', () => { throw new TypeError('from nowhere') })")
    await serve()
    child?.kill('SIGUSR2')
    expect(await ended).toEqual([1, null])
    expect(log).toMatch(/"level":"fatal".*from nowhere/)
  })

  it('ends with 1 after a promise that nobody waited for was rejected', async () => {
    const ended = start(flags(), "process.on('SIGUSR2', () => { void Promise.reject(new TypeError('from nowhere')) })")
    await serve()
    child?.kill('SIGUSR2')
    expect(await ended).toEqual([1, null])
    expect(log).toMatch(/"level":"fatal".*from nowhere/)
  })

  it('ends with 0 after SIGTERM when the last client is gone', async () => {
    const ended = start(flags())
    await serve()
    const client = await connectRaw(pod.localPort)
    child?.kill('SIGTERM')
    await until(() => log.includes('open connections are served'))
    expect(await askRaw(pod.localPort, probeRequest())).toBe('sallyport')
    client.socket.end()
    expect(await ended).toEqual([0, null])
  })

  it.each<[string, readonly NodeJS.Signals[]]>([
    ['a second SIGTERM', ['SIGTERM', 'SIGTERM']],
    ['SIGINT', ['SIGINT']],
  ])('ends with 0 at once after %s', async (_what, signals) => {
    const ended = start([...flags(), '--drain-seconds=3600'])
    await serve()
    const client = await connectRaw(pod.localPort)
    for (const signal of signals) {
      child?.kill(signal)
      if (signal === 'SIGTERM') await until(() => log.includes('open connections are served'))
    }
    expect(await ended).toEqual([0, null])
    await client.closed()
  })
})
