import { Resolver } from 'node:dns/promises'
import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { parseResolvConf, resolveHost, searchNames } from './resolve-host.ts'
import { startDnsServer, type DnsServer, type Zone } from './testing/dns-server.ts'

const servers: DnsServer[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** Asks a server of this zone under this resolv.conf. */
async function resolve(host: string, zone: Zone, resolvConf = ''): Promise<Asked> {
  const server = await startDnsServer(zone)
  servers.push(server)
  const resolver = new Resolver({ timeout: 200, tries: 1 })
  resolver.setServers([server.address])
  const dns = { resolver, readResolvConf: () => Promise.resolve(resolvConf) }
  const addresses = await resolveHost(host, { useHostsFile: false, dns }).catch((cause: unknown) => cause)
  return { addresses, names: [...new Set(server.questions.map((question) => question.replace(/^A+ /, '')))] }
}

interface Asked {
  readonly addresses: unknown
  readonly names: readonly string[]
}

const pod = 'nameserver 10.96.0.10\nsearch agents.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n'

describe('the addresses of a host', () => {
  it('are what DNS says, IPv4 and IPv6', async () => {
    const zone = { 'db.example.com': ['192.0.2.1', '192.0.2.2', '2001:db8::5'] }
    expect((await resolve('db.example.com', zone)).addresses).toEqual(['192.0.2.1', '192.0.2.2', '2001:db8::5'])
  })

  it('may be IPv6 alone', async () => {
    expect((await resolve('db.example.com', { 'db.example.com': ['2001:db8::5'] })).addresses).toEqual(['2001:db8::5'])
  })

  it('are never those of the hosts file, where its names are the pod author’s', async () => {
    const name = nameOfHostsFile()
    const asked = await resolve(name, { [name]: ['192.0.2.7'] })
    expect(asked).toEqual({ addresses: ['192.0.2.7'], names: [name] })
    const { addresses } = await resolve(name, {})
    expect(addresses).toMatchObject({ code: 'ENOTFOUND' })
  })

  it('are looked for in the search domains of the pod, in their order', async () => {
    const zone = { 'orders.prod.svc.cluster.local': ['10.96.3.4'] }
    const asked = await resolve('orders.prod', zone, pod)
    expect(asked.addresses).toEqual(['10.96.3.4'])
    expect(asked.names).toEqual(['orders.prod.agents.svc.cluster.local', 'orders.prod.svc.cluster.local'])
  })

  it('end the search at the first name there is', async () => {
    const zone = { 'orders.agents.svc.cluster.local': ['10.96.3.4'], orders: ['192.0.2.9'] }
    expect((await resolve('orders', zone, pod)).addresses).toEqual(['10.96.3.4'])
  })

  it('go on in the search after SERVFAIL, and not after silence: the next name would be another host', async () => {
    const first = 'orders.agents.svc.cluster.local'
    const other = { 'orders.svc.cluster.local': ['10.96.3.4'] }
    expect((await resolve('orders', { ...other, [first]: 'SERVFAIL' }, pod)).addresses).toEqual(['10.96.3.4'])
    const silent = await resolve('orders', { ...other, [first]: 'silence' }, pod)
    expect(silent).toEqual({ addresses: expect.objectContaining({ code: 'ETIMEOUT' }) as unknown, names: [first] })
  })

  it('are the host itself where it is an address', async () => {
    expect(await resolve('2001:db8::1', {}, pod)).toEqual({ addresses: ['2001:db8::1'], names: [] })
  })
})

/** A name that the system's resolver knows without DNS. */
function nameOfHostsFile(): string {
  const lines = readFileSync('/etc/hosts', 'utf8').split('\n')
  const names = lines.flatMap((line) => line.replace(/#.*/, '').trim().split(/\s+/).slice(1))
  const name = names.find((each) => !/localhost/.test(each))
  if (name === undefined) throw new Error('the hosts file of this machine names nothing but localhost')
  return name.toLowerCase()
}

describe('resolv.conf', () => {
  it('counts by its last search line and its ndots', () => {
    expect(parseResolvConf('search a b\nsearch c\noptions timeout:1 ndots:3\n')).toEqual({ search: ['c'], ndots: 3 })
    expect(parseResolvConf('')).toEqual({ search: [], ndots: 1 })
    expect(parseResolvConf('options ndots:x')).toEqual({ search: [], ndots: 1 })
  })

  it('completes no name that ends in a dot, and asks for one with enough dots as it is first', () => {
    expect(searchNames('db.', ['a'], 5)).toEqual(['db'])
    expect(searchNames('db.b', ['a'], 1)).toEqual(['db.b', 'db.b.a'])
    expect(searchNames('db.b', ['a'], 5)).toEqual(['db.b.a', 'db.b'])
  })
})
