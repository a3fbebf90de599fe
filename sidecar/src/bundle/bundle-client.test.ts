import type { ServerResponse } from 'node:http'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pino } from 'pino'
import type { Snapshot, StreamMessage } from '@sallyport/crds'
import { BundleError } from './bundle-error.ts'
import { connectController, runBundleClient, type BundleClientOptions } from './bundle-client.ts'
import { BundleStore } from './bundle-store.ts'
import type { ControllerClient } from './controller-client.ts'
import { ExpiryClock } from './expiry-clock.ts'
import { firstAuthority, secondAuthority } from './testing/certificates.ts'
import { testGrant, TestController, testSnapshot } from './testing/test-controller.ts'

const log = pino({ enabled: false })
const inAnHour = Date.now() + 3_600_000

let dir = ''
let tokenFile = ''
let server: TestController
let controller: ControllerClient
let stop = new AbortController()
let running: Promise<void> | null = null
let clock: ExpiryClock
let store: BundleStore

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'bundle-'))
  tokenFile = join(dir, 'token')
  writeFileSync(tokenFile, 'token-1\n')
  server = new TestController(firstAuthority)
  const controllerUrl = await server.listen()
  controller = connectController({ controllerUrl, ca: firstAuthority.ca, tokenFile, log, timeoutMs: 2000 })
  stop = new AbortController()
  clock = new ExpiryClock()
  store = new BundleStore({ clock })
})
afterEach(async () => {
  stop.abort()
  await running
  running = null
  controller.close()
  server.close()
  rmSync(dir, { recursive: true })
})

describe('runBundleClient', () => {
  it('puts a snapshot in force and presents the token of the pod', async () => {
    start()
    const stream = await server.stream()
    send(stream, testSnapshot({ revision: 'a' }))
    await inForce((snapshot) => snapshot.revision === 'a')
    expect(server.tokens).toEqual(['Bearer token-1'])
    expect(store.isStale()).toBe(false)
  })

  it('reads messages wherever the network cuts them', async () => {
    start()
    const stream = await server.stream()
    const bytes = Buffer.from(`${JSON.stringify(testSnapshot({ revision: 'é' }))}\n`)
    for (const byte of bytes) {
      stream.write(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await inForce((snapshot) => snapshot.revision === 'é')
  })

  it('waits for all policies of a snapshot, fetches each once and keeps their order', async () => {
    const [one, two] = [server.addPolicy('one'), server.addPolicy('two')]
    start()
    const stream = await server.stream()
    send(stream, testSnapshot({ revision: 'a', policies: [policy('x', one), policy('y', two), policy('z', one)] }))
    await inForce((snapshot) => snapshot.revision === 'a')
    expect(store.policies().map(({ wasm }) => Buffer.from(wasm).toString())).toEqual(['one', 'two', 'one'])
    send(stream, testSnapshot({ revision: 'b', policies: [policy('y', two)] }))
    await inForce((snapshot) => snapshot.revision === 'b')
    expect(server.policyRequests).toBe(2)
  })

  it('takes away what ended while a policy of the next snapshot cannot be had, and adds nothing', async () => {
    start()
    const stream = await server.stream()
    send(stream, testSnapshot({ revision: 'a', grants: [testGrant('ends', inAnHour), testGrant('stays', inAnHour)] }))
    await inForce((snapshot) => snapshot.revision === 'a')
    const missing = `sha256:${'9'.repeat(64)}`
    send(
      stream,
      testSnapshot({
        revision: 'b',
        grants: [testGrant('stays', inAnHour), testGrant('new', inAnHour)],
        policies: [policy('x', missing)],
      }),
    )
    const narrowed = await inForce((snapshot) => snapshot.grants.length === 1)
    expect(narrowed).toMatchObject({ revision: 'a', grants: [{ name: 'stays' }] })
  })

  it('does not take a module whose digest is another', async () => {
    const digest = server.addPolicy('right')
    server.policies.set(digest, Buffer.from('wrong'))
    await expect(controller.fetchPolicy(digest, stop.signal)).rejects.toMatchObject({ code: 'digest-mismatch' })
    start()
    send(await server.stream(), testSnapshot({ policies: [policy('x', digest)] }))
    while (server.policyRequests < 4) await turn()
    expect(store.current()).toBeNull()
    server.policies.set(digest, Buffer.from('right'))
    await inForce(() => true)
  })

  it('goes by the clock of the controller', async () => {
    start()
    const stream = await server.stream()
    send(stream, testSnapshot({ revision: 'a', unixMs: 5_000_000_000_000 }))
    await inForce((snapshot) => snapshot.revision === 'a')
    expect(clock.now()).toBeGreaterThanOrEqual(5_000_000_000_000)
    expect(clock.now()).toBeLessThan(5_000_000_010_000)
  })

  it.each([
    { name: 'ends', harm: (stream: ServerResponse) => stream.end() },
    { name: 'breaks', harm: (stream: ServerResponse) => stream.destroy() },
    { name: 'says something that is no message', harm: (stream: ServerResponse) => stream.write('hello\n') },
    { name: 'sends a message of another kind', harm: (stream: ServerResponse) => stream.write('{"kind":"Delta"}\n') },
    {
      name: 'sends a snapshot without grants',
      harm: (stream: ServerResponse) => stream.write(`${JSON.stringify({ ...testSnapshot(), grants: undefined })}\n`),
    },
    {
      name: 'sends a line without an end',
      harm: (stream: ServerResponse) => stream.write(Buffer.alloc(17 << 20, 0x20)),
    },
    { name: 'falls silent', harm: () => undefined },
  ])('opens the stream again when it $name, with the token as it is then', async ({ harm }) => {
    start({ silenceMs: 200 })
    const stream = await server.stream()
    send(stream, testSnapshot({ revision: 'a' }))
    await inForce((snapshot) => snapshot.revision === 'a')
    writeFileSync(tokenFile, 'token-2\n')
    harm(stream)
    send(await server.stream(), testSnapshot({ revision: 'b' }))
    await inForce((snapshot) => snapshot.revision === 'b')
    expect(server.tokens).toEqual(['Bearer token-1', 'Bearer token-2'])
  })

  it('tries again when it is refused', async () => {
    server.refusals.push(503, 401, 403)
    start()
    send(await server.stream(), testSnapshot())
    await inForce(() => true)
    expect(server.tokens).toHaveLength(4)
  })

  it('stays connected while heartbeats come, and counts them only for the snapshot in force', async () => {
    start({ silenceMs: 300 })
    const stream = await server.stream()
    send(stream, testSnapshot({ revision: 'a' }))
    await inForce((snapshot) => snapshot.revision === 'a')
    const touched: string[] = []
    const touch = store.touch.bind(store)
    store.touch = () => {
      touched.push('touch')
      touch()
    }
    send(stream, { kind: 'Heartbeat', unixMs: Date.now(), revision: 'b' })
    send(stream, { kind: 'Heartbeat', unixMs: Date.now(), revision: 'a' })
    while (touched.length === 0) await turn()
    expect(touched).toHaveLength(1)
    expect(server.tokens).toHaveLength(1)
  })

  it('trusts the authorities the controller names, and no others', async () => {
    start()
    const stream = await server.stream()
    send(stream, testSnapshot({ revision: 'a', caBundle: secondAuthority.ca }))
    await inForce((snapshot) => snapshot.revision === 'a')
    server.useCertificate(secondAuthority)
    stream.destroy()
    send(await server.stream(), testSnapshot({ revision: 'b', caBundle: secondAuthority.ca }))
    await inForce((snapshot) => snapshot.revision === 'b')
  })

  it('ends when it is told to, also while the controller is away', async () => {
    server.close()
    start()
    await turn()
    stop.abort()
    await running
  })
})

describe('ControllerClient', () => {
  it('does not speak to a server of an authority it does not trust', async () => {
    server.useCertificate(secondAuthority)
    await expect(controller.postStatus({ databases: [] })).rejects.toMatchObject({ code: 'unreachable' })
    expect(server.tokens).toEqual([])
  })

  it('posts audit batches and returns the acknowledgement', async () => {
    server.audit = { acknowledgedSeq: 7 }
    const batch = { source: 'uid/boot', namespace: 'agents', pod: 'report-1', lines: ['{}'] }
    expect(await controller.postAudit(batch)).toEqual({ acknowledgedSeq: 7 })
    expect(server.posts).toEqual([{ path: '/v1/audit', body: batch }])
  })

  it.each([
    { name: 'no JSON', audit: 'ok' },
    { name: 'no number', audit: { acknowledgedSeq: '7' } },
    { name: 'a negative number', audit: { acknowledgedSeq: -1 } },
    { name: 'something too large', audit: ' '.repeat(100_000) },
  ])('does not take $name for an acknowledgement', async ({ audit }) => {
    server.audit = audit
    await expect(controller.postAudit({ source: 's', namespace: 'n', pod: 'p', lines: [] })).rejects.toThrow(
      BundleError,
    )
  })

  it('posts the status', async () => {
    await controller.postStatus({ databases: [] })
    expect(server.posts).toEqual([{ path: '/v1/status', body: { databases: [] } }])
  })

  it('says that the token cannot be read', async () => {
    rmSync(tokenFile)
    await expect(controller.postStatus({ databases: [] })).rejects.toMatchObject({ code: 'unreachable' })
  })
})

function start(options: Partial<BundleClientOptions> = {}): void {
  running = runBundleClient({
    controller,
    store,
    clock,
    signal: stop.signal,
    log,
    minRetryMs: 1,
    maxRetryMs: 10,
    ...options,
  })
}

function send(stream: ServerResponse, message: StreamMessage): void {
  stream.write(`${JSON.stringify(message)}\n`)
}

/** Resolves when the store holds such a snapshot. */
function inForce(matches: (snapshot: Snapshot) => boolean): Promise<Snapshot> {
  return new Promise((resolve) => {
    const look = (): void => {
      const current = store.current()
      if (current && matches(current)) resolve(current)
    }
    store.subscribe(look)
    look()
  })
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function policy(name: string, digest: string): Snapshot['policies'][number] {
  return { kind: 'AccessPolicy', namespace: 'agents', name, mode: 'Enforce', digest, volatile: false }
}
