import { createServer } from 'node:net'
import { once } from 'node:events'
import { networkInterfaces } from 'node:os'
import { afterEach, describe, expect, it } from 'vitest'
import { freePorts } from './testing/free-ports.ts'
import { askRaw, connectRaw } from './testing/raw-client.ts'
import { openTestListeners, testDatabase, type TestListeners } from './testing/test-listeners.ts'
import { sslRequest, startupMessage } from './wire/postgres/encode.ts'
import { probeRequest } from './wire/postgres/startup.ts'

const login = startupMessage([['user', 'agent'], ['database', 'postgres']]) // prettier-ignore
const loopbacks = networkInterfaces().lo?.some(({ family }) => family === 'IPv6') ? ['127.0.0.1', '::1'] : ['127.0.0.1']
const opened: TestListeners[] = []
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close()
})

async function open(...given: Parameters<typeof openTestListeners>): Promise<TestListeners> {
  const made = await openTestListeners(...given)
  opened.push(made)
  return made
}

describe('a redirect port', () => {
  it.each(loopbacks)('of a Database nobody knows answers in its protocol, on %s', async (host) => {
    const [port = 0] = await freePorts(1)
    await open(new Map([['agents/gone', port]]), [])
    const answer = await askRaw(port, login, host)
    expect(answer).toContain('FATAL')
    expect(answer).toContain('28000')
    expect(answer).toContain('no active AccessGrant')
  })

  it('stays when the Database goes and comes, and the port of its own goes with it', async () => {
    const [port = 0, localPort = 0, otherPort = 0] = await freePorts(3)
    const { swap, listeners } = await open(new Map([['agents/db', port]]), [testDatabase('db', localPort)])
    expect(await askRaw(localPort, login)).toContain('28000')
    const client = await connectRaw(port)
    swap([])
    await listeners.open()
    await expect(connectRaw(localPort)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(await askRaw(port, login)).toContain('28000')
    swap([testDatabase('db', otherPort)])
    await listeners.open()
    expect(await askRaw(otherPort, login)).toContain('28000')
    client.socket.end(login)
    expect(await client.closed()).toContain('28000')
  })

  it.runIf(loopbacks.includes('::1'))(
    'that is taken is an error, on ::1 too: only a missing address is done without',
    async () => {
      const [port = 0] = await freePorts(1)
      const holder = createServer().listen(port, '::1')
      await once(holder, 'listening')
      await expect(open(new Map([['agents/db', port]]), [])).rejects.toMatchObject({ code: 'EADDRINUSE' })
      holder.close()
    },
  )
})

describe('an address this machine does not have', () => {
  const [host, databases] = ['2001:db8::1', [testDatabase('db', 0)]]

  it('is done without where it may be missing, and is an error elsewhere', async () => {
    await open(new Map(), databases, { addresses: [{ host, port: 5432, isOptional: true }] })
    await expect(open(new Map(), databases, { addresses: [{ host, port: 5432 }] })).rejects.toMatchObject({
      code: 'EADDRNOTAVAIL',
    })
  })
})

describe('the question of the probe', () => {
  it('is answered on every port, leaves no record and counts as no statement', async () => {
    const [port = 0, localPort = 0] = await freePorts(2)
    const { records, registry } = await open(new Map([['agents/db', port]]), [testDatabase('db', localPort)])
    for (const host of loopbacks) expect(await askRaw(port, probeRequest(), host)).toBe('sallyport')
    expect(await askRaw(localPort, probeRequest())).toBe('sallyport')
    expect(records()).toEqual([])
    expect(await registry.metrics()).not.toMatch(/^sallyport_statements_total\{/m)
  })

  it('is all that is read of its connection', async () => {
    const [port = 0] = await freePorts(1)
    const { records } = await open(new Map(), [testDatabase('db', port)])
    const client = await connectRaw(port)
    client.socket.write(Buffer.concat([probeRequest(), login]))
    // What was not read may reset the connection before the answer arrives.
    expect(['sallyport', '']).toContain(await client.closed())
    expect(records()).toEqual([])
  })

  it('is not answered behind another packet', async () => {
    const [port = 0] = await freePorts(1)
    await open(new Map(), [testDatabase('db', port)])
    const client = await connectRaw(port)
    client.socket.write(sslRequest())
    await once(client.socket, 'data')
    client.socket.write(probeRequest())
    expect(await client.closed()).toBe('N')
  })
})

describe('listeners at their end', () => {
  it('are idle when the last client is gone, and serve new ones until then', async () => {
    const [port = 0] = await freePorts(1)
    const { listeners } = await open(new Map(), [testDatabase('db', port)])
    const first = await connectRaw(port)
    await served(listeners, 1)
    let isIdle = false
    const idle = listeners.idle(new AbortController().signal).then(() => (isIdle = true))
    const second = await connectRaw(port)
    await served(listeners, 2)
    first.socket.end(login)
    expect(await first.closed()).toContain('28000')
    await served(listeners, 1)
    expect(isIdle).toBe(false)
    second.socket.end()
    await idle
  })

  it('are given up waiting for when the time is over', async () => {
    const [port = 0] = await freePorts(1)
    const { listeners } = await open(new Map(), [testDatabase('db', port)])
    await connectRaw(port)
    await served(listeners, 1)
    const over = new AbortController()
    const idle = listeners.idle(over.signal)
    over.abort()
    await idle
    expect(listeners.connectionCount).toBe(1)
  })

  it('do not wait for a client that never said who it is', async () => {
    const [port = 0] = await freePorts(1)
    const { listeners } = await open(new Map(), [testDatabase('db', port)])
    const client = await connectRaw(port)
    await served(listeners, 1)
    await listeners.close()
    expect(await client.closed()).toBe('')
    await expect(connectRaw(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})

/** A connection is the client's a moment before it is the server's. */
async function served(listeners: TestListeners['listeners'], count: number): Promise<void> {
  while (listeners.connectionCount !== count) await new Promise((resolve) => setImmediate(resolve))
}
