import { describe, expect, it } from 'vitest'
import { hostAliases, loopbackAddresses, redirectPorts, type InjectionDatabase } from './databases.ts'

const named = (name: string, host: string, port = 5432): InjectionDatabase => ({ namespace: 'agents', name, host, port, localPort: 15_432 }) // prettier-ignore
const many = (count: number): readonly InjectionDatabase[] =>
  Array.from({ length: count }, (_, index) => named(`d${index}`, `h${index}.svc`))

describe('loopbackAddresses', () => {
  it('gives each host one, the same in every pod, and none to an IP address', () => {
    const found = loopbackAddresses([named('c', 'b.svc'), named('b', '10.0.0.1'), named('a', 'a.svc'), named('d', 'a.svc', 6432), named('e', 'a.svc')]) // prettier-ignore
    expect(found.map(({ database, address }) => [database.name, address])).toEqual([
      ['a', '127.20.0.1'],
      ['c', '127.20.0.2'],
      ['d', '127.20.0.1'],
    ])
    expect(hostAliases(found)).toEqual([
      { ip: '127.20.0.1', hostnames: ['a.svc'] },
      { ip: '127.20.0.2', hostnames: ['b.svc'] },
    ])
  })

  it('never gives two hosts the same address, nor one that ends in 0 or 255', () => {
    const addresses = loopbackAddresses(many(2000)).map(({ address }) => address)
    expect(new Set(addresses).size).toBe(2000)
    expect(addresses.filter((address) => /\.(0|255)$/.test(address))).toEqual([])
  })
})

describe('redirectPorts', () => {
  it('gives every Database one, by IP address too, in the order of names', () => {
    const found = redirectPorts([named('b', '10.0.0.1'), named('a', 'a.svc')])
    expect(found.map(({ database, port }) => [database.name, port])).toEqual([
      ['a', 15_910],
      ['b', 15_911],
    ])
  })

  it('has ninety', () => {
    const found = redirectPorts(many(100))
    expect(found).toHaveLength(90)
    expect(found.at(-1)?.port).toBe(15_999)
  })
})
