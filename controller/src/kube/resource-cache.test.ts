import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { KubeClient } from './client.ts'
import { PooledKubeConfig } from './kube-config.ts'
import type { KubeObject } from './objects.ts'
import { ResourceCache } from './resource-cache.ts'

type Answer = (request: URL, response: ServerResponse) => void

let server: Server
let cache: ResourceCache<KubeObject>
let lifetime: AbortController
let lists: Answer[] = []
let watches: Answer[] = []
let changes: string[] = []

const thing = (name: string, version: number, more: object = {}): object => ({
  metadata: {
    name,
    namespace: 'n',
    uid: `uid-${name}`,
    resourceVersion: String(version),
    managedFields: [{}],
    ...more,
  },
})
const list =
  (version: number, items: object[], next?: string): Answer =>
  (_url, response) => {
    response.end(JSON.stringify({ metadata: { resourceVersion: String(version), continue: next }, items }))
  }
const events =
  (...all: [string, object][]): Answer =>
  (_url, response) => {
    for (const [type, object] of all) response.write(`${JSON.stringify({ type, object })}\n`)
    response.end()
  }
const hang: Answer = (_url, response) => {
  response.writeHead(200).flushHeaders()
}
const status =
  (code: number, body: string): Answer =>
  (_url, response) =>
    void response.writeHead(code, { 'retry-after': '0' }).end(body)

beforeEach(async () => {
  changes = []
  server = createServer((request: IncomingMessage, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const queue = url.searchParams.get('watch') === 'true' ? watches : lists
    const answer = (queue.length > 1 ? queue.shift() : queue[0]) ?? hang
    answer(url, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const config = new PooledKubeConfig()
  const { port } = server.address() as AddressInfo
  config.loadFromClusterAndUser({ name: 'c', server: `http://127.0.0.1:${port}`, skipTLSVerify: true }, { name: 'u' })
  lifetime = new AbortController()
  cache = new ResourceCache({
    client: new KubeClient(config),
    resource: 'things',
    path: '/things',
    parse: (object) => object,
    indexes: { label: (object) => Object.values(object.metadata.labels ?? {}) },
    log: pino({ level: 'silent' }),
    random: () => 0,
    pageSize: 1,
    idleMs: 300,
  })
  cache.subscribe((key, object) => changes.push(`${object ? '' : '-'}${key}@${object?.metadata.resourceVersion ?? ''}`))
})

afterEach(async () => {
  lifetime.abort()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

const until = async (check: () => boolean): Promise<void> => {
  while (!check()) await new Promise((resolve) => setTimeout(resolve, 5))
}

describe('ResourceCache', () => {
  it('reads a list in pages, drops managedFields, and answers by index', async () => {
    const asked: (string | null)[] = []
    lists = [
      (url, response) => {
        asked.push(url.searchParams.get('limit'))
        list(5, [thing('a', 1, { labels: { x: 'red' } })], 'more')(url, response)
      },
      (url, response) => {
        asked.push(url.searchParams.get('continue'))
        list(5, [thing('b', 2)])(url, response)
      },
    ]
    watches = [hang]
    expect(cache.hasSynced()).toBe(false)
    void cache.run(lifetime.signal)
    await cache.whenSynced()
    expect(asked).toEqual(['1', 'more'])
    expect(cache.list().map((one) => one.metadata.name)).toEqual(['a', 'b'])
    expect(cache.get('n/a')?.metadata).not.toHaveProperty('managedFields')
    expect(cache.byIndex('label', 'red')).toHaveLength(1)
  })

  it('follows the watch, goes on from where it ended, and lists anew after 410', async () => {
    const from: (string | null)[] = []
    lists = [list(5, [thing('a', 1)]), list(20, [thing('c', 15)])]
    watches = [
      events(
        ['MODIFIED', thing('a', 6)],
        ['ADDED', thing('b', 7)],
        ['DELETED', thing('a', 8)],
        ['BOOKMARK', thing('x', 9)],
      ),
      (url, response) => {
        from.push(url.searchParams.get('resourceVersion'))
        events(['ERROR', { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' }])(url, response)
      },
      hang,
    ]
    void cache.run(lifetime.signal)
    await until(() => changes.includes('n/c@15') && changes.includes('-n/b@'))
    expect(from).toEqual(['9'])
    expect(changes).toEqual(['n/a@1', 'n/a@6', 'n/b@7', '-n/a@', 'n/c@15', '-n/b@'])
  })

  it('gets over a forbidden list, a page of HTML and a watch that breaks off', async () => {
    lists = [
      status(403, '{"kind":"Status","reason":"Forbidden","message":"no"}'),
      status(502, '<html>bad gateway</html>'),
      list(5, [thing('a', 1)]),
    ]
    watches = [
      (_url, response) => void response.writeHead(200).write('{"type":"ADDED","obj', () => response.destroy()),
      events(['ADDED', thing('b', 6)]),
      hang,
    ]
    void cache.run(lifetime.signal)
    await until(() => cache.get('n/b') !== undefined)
    expect(cache.list()).toHaveLength(2)
  })

  it('takes a silent connection for dead', async () => {
    lists = [list(5, [])]
    watches = [hang, events(['ADDED', thing('a', 6)]), hang]
    void cache.run(lifetime.signal)
    await until(() => cache.get('n/a') !== undefined)
  })

  it('never brings back a deleted object, nor an older state', async () => {
    lists = [list(5, [thing('a', 5), thing('b', 5)])]
    watches = [events(['DELETED', thing('a', 6)]), hang]
    void cache.run(lifetime.signal)
    await until(() => changes.includes('-n/a@'))
    cache.accept(thing('a', 7))
    cache.accept(thing('b', 4))
    expect(cache.get('n/a')).toBeUndefined()
    expect(cache.get('n/b')?.metadata.resourceVersion).toBe('5')
  })

  it('takes the null of an empty list of metadata for an empty list', async () => {
    lists = [(_url, response) => response.end('{"metadata":{"resourceVersion":"1"},"items":null}')]
    void cache.run(lifetime.signal)
    await cache.whenSynced()
    expect(cache.list()).toEqual([])
  })

  it('goes on when a handler fails', async () => {
    cache.subscribe(() => {
      throw new TypeError('a bug')
    })
    lists = [list(5, [thing('a', 1)])]
    watches = [events(['ADDED', thing('b', 6)]), hang]
    void cache.run(lifetime.signal)
    await until(() => cache.get('n/b') !== undefined)
    expect(changes).toEqual(['n/a@1', 'n/b@6'])
  })
})
