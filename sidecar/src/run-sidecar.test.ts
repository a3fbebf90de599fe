import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ClusterConfig } from './config.ts'
import { runSidecar } from './run-sidecar.ts'
import { askRaw, connectRaw } from './testing/raw-client.ts'
import { testDatabase } from './testing/test-listeners.ts'
import { TestPod, until } from './testing/test-pod.ts'
import { startupMessage } from './wire/postgres/encode.ts'
import { probeRequest } from './wire/postgres/startup.ts'

let pod: TestPod
let stop = new AbortController()
let drain = new AbortController()
let running: Promise<void> = Promise.resolve()
let hasEnded = false

beforeEach(async () => {
  pod = await TestPod.start()
  stop = new AbortController()
  drain = new AbortController()
  hasEnded = false
})
afterEach(async () => {
  stop.abort()
  await running
  pod.stop()
})

function start(changes: Partial<ClusterConfig> = {}): void {
  running = runSidecar({ config: pod.config(changes), signal: stop.signal, drain: drain.signal })
  void running.then(() => (hasEnded = true))
}

const database = (): ReturnType<typeof testDatabase> => testDatabase('db', pod.localPort, 1)

async function untilReady(): Promise<void> {
  await until(async () => (await pod.readiness()) === 200)
}

describe('the gate of the application', () => {
  it('opens when a controller has proven who is who', async () => {
    start()
    const stream = await pod.controller.stream()
    expect(await pod.readiness()).toBe(503)
    pod.send(stream, [database()])
    await untilReady()
    expect(await askRaw(pod.localPort, probeRequest())).toBe('sallyport')
  })

  it('stays closed in Redirect mode until the probe has found no way around', async () => {
    start({ interception: pod.redirect() })
    await pod.grant([database()])
    await until(async () => (await askRaw(pod.redirectPort, probeRequest()).catch(() => '')) === 'sallyport')
    expect(await pod.readiness()).toBe(503)
    await pod.probe('DirectPathOpen')
    await until(() => pod.seals().includes('False DirectPathOpen'))
    expect(await pod.readiness()).toBe(503)
    await pod.probe('Redirected')
    await untilReady()
    expect(await pod.metrics()).toContain('sallyport_seal{mode="Redirect",reason="Redirected"} 1')
  })

  it('is opened once: what the probe finds later is said, and ends no application', async () => {
    start({ interception: pod.redirect() })
    await pod.grant([database()])
    await pod.probe('Blocked')
    await untilReady()
    await pod.probe('DirectPathOpen')
    await until(() => pod.seals().at(-1) === 'False DirectPathOpen')
    expect(await pod.readiness()).toBe(200)
    const metrics = await pod.metrics()
    expect(metrics).toContain('sallyport_seal{mode="Redirect",reason="DirectPathOpen"} 1')
    expect(metrics).not.toContain('reason="Redirected"')
  })

  it('opens in Redirect mode without a probe where there is no Database', async () => {
    start({ interception: pod.redirect() })
    await pod.grant([])
    await untilReady()
  })
})

describe('the seal', () => {
  it('is told again to the controller that a stream is opened to', async () => {
    start()
    const stream = await pod.grant([database()])
    await until(() => pod.seals().length === 1)
    stream.destroy()
    await pod.grant([database()])
    await until(() => pod.seals().length === 2)
    expect(new Set(pod.seals())).toEqual(new Set(['Unknown ProbeFailed']))
  })

  it('is told again after the controller could not take it', async () => {
    start()
    const stream = await pod.controller.stream()
    pod.controller.refusals.push(503)
    pod.send(stream, [database()])
    await until(() => pod.seals().length === 1)
    expect(pod.controller.refusals).toEqual([])
  })
})

describe('the end of a pod', () => {
  it('is at once when nobody is connected', async () => {
    start()
    await pod.grant([database()])
    await untilReady()
    drain.abort()
    await running
  })

  it('is at once before there is anything to serve', async () => {
    start()
    await pod.controller.stream()
    drain.abort()
    await running
  })

  it('waits for who is connected, and serves who comes', async () => {
    start()
    const stream = await pod.grant([database()])
    await untilReady()
    const client = await connectRaw(pod.localPort)
    expect(await askRaw(pod.localPort, probeRequest())).toBe('sallyport')
    drain.abort()
    expect(await askRaw(pod.localPort, probeRequest())).toBe('sallyport')
    pod.send(stream, [database(), testDatabase('late', pod.redirectPort)])
    await until(async () => (await askRaw(pod.redirectPort, probeRequest()).catch(() => '')) === 'sallyport')
    expect(await pod.readiness()).toBe(200)
    expect(hasEnded).toBe(false)
    client.socket.end()
    await running
  })

  it('waits no longer than it may', async () => {
    start({ drainMs: 100 })
    await pod.grant([database()])
    await untilReady()
    const client = await connectRaw(pod.localPort)
    expect(await askRaw(pod.localPort, probeRequest())).toBe('sallyport')
    drain.abort()
    await running
    await client.closed()
  })

  it('does not wait when it is to be at once', async () => {
    start()
    await pod.grant([database()])
    await untilReady()
    const client = await connectRaw(pod.localPort)
    expect(await askRaw(pod.localPort, probeRequest())).toBe('sallyport')
    drain.abort()
    expect(await askRaw(pod.localPort, probeRequest())).toBe('sallyport')
    stop.abort()
    await running
    await client.closed()
  })

  it('keeps in the spool what the controller did not take, and waits for it in bounds', async () => {
    start()
    await pod.grant([database()])
    await untilReady()
    pod.controller.close()
    const login = startupMessage([['user', 'agent'], ['database', 'postgres']]) // prettier-ignore
    expect(await askRaw(pod.localPort, login)).toContain('28000')
    stop.abort()
    await running
    const files = readdirSync(join(pod.dir, 'spool'))
    expect(files.map((file) => readFileSync(join(pod.dir, 'spool', file), 'utf8')).join('')).toContain('"Refused"')
  })
})
