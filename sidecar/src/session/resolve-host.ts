import { promises as dns, type LookupAddress } from 'node:dns'
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'

/**
 * Addresses of a database's host.
 *
 * Inside an injected pod the hosts file sends the database's name to the sidecar itself, so the name must be resolved
 * through DNS alone; c-ares does not apply the search list of resolv.conf(5), so it is applied here.
 */
export async function resolveHost(
  host: string,
  options: { readonly useHostsFile: boolean },
): Promise<readonly string[]> {
  if (isIP(host)) return [host]
  if (options.useHostsFile) return (await dns.lookup(host, { all: true })).map((entry: LookupAddress) => entry.address)
  let failure: unknown
  for (const name of await candidates(host)) {
    try {
      return await queryAddresses(name)
    } catch (cause) {
      failure = cause
    }
  }
  throw failure
}

async function queryAddresses(name: string): Promise<readonly string[]> {
  const [v4, v6] = await Promise.allSettled([dns.resolve4(name), dns.resolve6(name)])
  const found = [...(v4.status === 'fulfilled' ? v4.value : []), ...(v6.status === 'fulfilled' ? v6.value : [])]
  if (found.length === 0 && v4.status === 'rejected') throw v4.reason
  return found
}

async function candidates(host: string): Promise<readonly string[]> {
  const text = await readFile('/etc/resolv.conf', 'utf8').catch(() => '')
  const { search, ndots } = parseResolvConf(text)
  return searchNames(host, search, ndots)
}

/** resolv.conf(5): the last `search` line counts; `ndots` is 1 unless set. */
export function parseResolvConf(text: string): { readonly search: readonly string[]; readonly ndots: number } {
  let search: readonly string[] = []
  let ndots = 1
  for (const line of text.split('\n')) {
    const [key, ...values] = line.trim().split(/\s+/)
    if (key === 'search') search = values
    if (key !== 'options') continue
    const option = values.find((value) => value.startsWith('ndots:'))
    if (option) ndots = Number(option.slice('ndots:'.length))
  }
  return { search, ndots }
}

/** Names to ask for, in the resolver's order: as given first when it has at least `ndots` dots. */
export function searchNames(host: string, search: readonly string[], ndots: number): readonly string[] {
  if (host.endsWith('.')) return [host.slice(0, -1)]
  const expanded = search.map((domain) => `${host}.${domain}`)
  return host.split('.').length - 1 >= ndots ? [host, ...expanded] : [...expanded, host]
}
