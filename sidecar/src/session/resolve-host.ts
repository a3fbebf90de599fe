import { promises as dns, type LookupAddress } from 'node:dns'
import type { Resolver } from 'node:dns/promises'
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'

/** What is asked of DNS, and how names are completed. */
export interface Dns {
  readonly resolver: Pick<Resolver, 'resolve4' | 'resolve6'>
  /** Text of resolv.conf(5); empty where there is none. */
  readonly readResolvConf: () => Promise<string>
}

/** The servers of this machine, or of the pod. */
export const systemDns: Dns = {
  resolver: dns,
  readResolvConf: () => readFile('/etc/resolv.conf', 'utf8').catch(() => ''),
}

/**
 * Addresses of a database's host, IPv4 first.
 *
 * Inside an injected pod the hosts file sends the database's name to the sidecar itself, and its other lines are the pod's
 * author's, so the name is resolved through DNS alone; c-ares does not apply the search list of resolv.conf(5), so it is
 * applied here. Like the C library's, the search ends where a server does not answer: the next name would be another host.
 * @throws the error of DNS for the last name that was asked for.
 */
export async function resolveHost(
  host: string,
  options: { readonly useHostsFile: boolean; readonly dns?: Dns },
): Promise<readonly string[]> {
  if (isIP(host)) return [host]
  if (options.useHostsFile) return (await dns.lookup(host, { all: true })).map((entry: LookupAddress) => entry.address)
  const { resolver, readResolvConf } = options.dns ?? systemDns
  const { search, ndots } = parseResolvConf(await readResolvConf())
  let failure: unknown
  for (const name of searchNames(host, search, ndots)) {
    try {
      return await queryAddresses(name, resolver)
    } catch (cause) {
      failure = cause
      if (!isAnswer(cause)) break
    }
  }
  throw failure
}

/** One family is enough; that one was not answered for does not hide the other. */
async function queryAddresses(name: string, resolver: Dns['resolver']): Promise<readonly string[]> {
  const [v4, v6] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
  const found = [...(v4.status === 'fulfilled' ? v4.value : []), ...(v6.status === 'fulfilled' ? v6.value : [])]
  if (found.length > 0) return found
  const causes: unknown[] = []
  for (const each of [v4, v6]) if (each.status === 'rejected') causes.push(each.reason)
  throw causes.find((cause) => !isAnswer(cause)) ?? causes[0]
}

/** A server said that there is nothing by this name, or that it cannot say (SERVFAIL, for which the search goes on, too). */
function isAnswer(cause: unknown): boolean {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  return ['ENOTFOUND', 'ENODATA', 'ESERVFAIL', 'EBADNAME'].includes(code)
}

/** resolv.conf(5): the last `search` line counts; `ndots` is 1 unless set, and 15 at most. */
export function parseResolvConf(text: string): { readonly search: readonly string[]; readonly ndots: number } {
  let search: readonly string[] = []
  let ndots = 1
  for (const line of text.split('\n')) {
    const [key, ...values] = line.trim().split(/\s+/)
    if (key === 'search') search = values
    if (key !== 'options') continue
    const option = values.find((value) => value.startsWith('ndots:'))
    const dots = option?.slice('ndots:'.length) ?? ''
    if (/^\d{1,2}$/.test(dots)) ndots = Math.min(Number(dots), 15)
  }
  return { search, ndots }
}

/** Names to ask for, in the resolver's order: as given first when it has at least `ndots` dots. */
export function searchNames(host: string, search: readonly string[], ndots: number): readonly string[] {
  if (host.endsWith('.')) return [host.slice(0, -1)]
  const expanded = search.map((domain) => `${host}.${domain}`)
  return host.split('.').length - 1 >= ndots ? [host, ...expanded] : [...expanded, host]
}
