import { isIP } from 'node:net'
import type { HostAlias } from './pod.ts'
import { ports } from './names.ts'

/** A Database that grants of the pod's namespace may name. */
export interface InjectionDatabase {
  readonly namespace: string
  readonly name: string
  readonly host: string
  readonly port: number
  readonly localPort: number
}

export interface LoopbackAddress {
  readonly database: InjectionDatabase
  /** In {@link loopbackNetwork}, one for each host. */
  readonly address: string
}

/** Prefix of the addresses that host names of Databases lead to. */
export const loopbackNetwork = '127.20.'

/**
 * A loopback address for every host, in the order of names, so that it is the same in every pod. A host given by IP
 * address has none: no name leads to it. Of two Databases on the same host and port only the first is reached by its
 * name; both are by `localPort`.
 */
export function loopbackAddresses(databases: readonly InjectionDatabase[]): readonly LoopbackAddress[] {
  const hosts = new Map<string, string>()
  const seen = new Set<string>()
  const found: LoopbackAddress[] = []
  for (const database of [...databases].sort(byName)) {
    const host = database.host.toLowerCase()
    if (isIP(host) !== 0 || seen.has(`${host}:${database.port}`)) continue
    seen.add(`${host}:${database.port}`)
    const number = hosts.size + 1
    const address =
      hosts.get(host) ?? `${loopbackNetwork}${Math.floor(number / 254)}.${(number % 254) + (number >= 254 ? 1 : 0)}`
    hosts.set(host, address)
    found.push({ database, address })
  }
  return found
}

/** The application's way to each Database: its host name leads to the sidecar. */
export function hostAliases(addresses: readonly LoopbackAddress[]): readonly HostAlias[] {
  const byAddress = new Map(addresses.map(({ address, database }) => [address, database.host]))
  return [...byAddress].map(([ip, host]) => ({ ip, hostnames: [host] }))
}

export interface RedirectPort {
  readonly database: InjectionDatabase
  /** Where the sidecar listens for what is redirected. */
  readonly port: number
}

/** One port a Database, in the order of names; those for which none is left are not redirected. */
export function redirectPorts(databases: readonly InjectionDatabase[]): readonly RedirectPort[] {
  return [...databases]
    .sort(byName)
    .slice(0, ports.last - ports.firstRedirect + 1)
    .map((database, index) => ({ database, port: ports.firstRedirect + index }))
}

function byName(left: InjectionDatabase, right: InjectionDatabase): number {
  const [a, b] = [`${left.namespace}/${left.name}`, `${right.namespace}/${right.name}`]
  return a < b ? -1 : a > b ? 1 : 0
}
