import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, runAny } from '../rig/process.ts'
import { ClusterError } from './errors.ts'
import { bridges, node, podGateway, services, type Layout } from './layout.ts'

const devices = '/sys/class/net'

export function hasIpv6(): boolean {
  const file = '/proc/sys/net/ipv6/conf/all/disable_ipv6'
  return existsSync(file) && readFileSync(file, 'utf8').trim() === '0'
}

/** Folder of the cluster whose device there is, '' where the device has no name yet, null where there is none. */
export function claimedFolder(): string | null {
  const alias = join(devices, bridges.node, 'ifalias')
  return existsSync(alias) ? readFileSync(alias, 'utf8').trim() : null
}

/** Whether what there is of devices and rules is this cluster's: there is one of each name. */
export function isClaimedBy(layout: Layout): boolean {
  const claimed = claimedFolder()
  return claimed === null || claimed === '' || claimed === layout.dir
}

/** Takes the machine for a cluster: there is one device of this name, and only one process makes it. */
export async function claim(dir: string): Promise<void> {
  const { code, stderr } = await runAny('ip', ['link', 'add', bridges.node, 'type', 'bridge'])
  if (code !== 0) throw new ClusterError(`the device ${bridges.node} cannot be made: ${stderr.trim()}`)
  await run('ip', ['link', 'set', bridges.node, 'alias', dir])
}

/** Settings of the kernel that the cluster needs, as they should be; not those that this kernel does not have. */
export function wantedSettings(): Readonly<Record<string, string>> {
  const wanted: Record<string, string> = {
    'net/ipv4/ip_forward': '1',
    // Without these an answer from a pod of the same bridge does not pass the translation of its Service's address.
    'net/bridge/bridge-nf-call-iptables': '1',
    'net/bridge/bridge-nf-call-ip6tables': '1',
  }
  if (hasIpv6()) {
    wanted['net/ipv6/conf/all/forwarding'] = '1'
    // A machine that forwards forgets routes that routers announced to it, unless told otherwise.
    for (const device of readdirSync('/proc/sys/net/ipv6/conf')) {
      const file = `net/ipv6/conf/${device}/accept_ra`
      if (device !== 'all' && device !== 'default' && readSetting(file) === '1') wanted[file] = '2'
    }
  }
  return Object.fromEntries(Object.entries(wanted).filter(([file]) => existsSync(join('/proc/sys', file))))
}

export function readSetting(file: string): string {
  return readFileSync(join('/proc/sys', file), 'utf8').trim()
}

export function writeSettings(settings: Readonly<Record<string, string>>): void {
  for (const [file, value] of Object.entries(settings)) {
    const path = join('/proc/sys', file)
    if (existsSync(path) && readSetting(file) !== value) writeFileSync(path, value)
  }
}

/** Addresses and routes of the node, and the bridge of the pods. */
export async function makeNetwork(): Promise<void> {
  const six = hasIpv6()
  const lines = [
    `address add ${node.ipv4}/32 dev ${bridges.node}`,
    ...(six ? [`address add ${node.ipv6}/128 dev ${bridges.node} nodad`] : []),
    `link set ${bridges.node} up`,
    // What goes to a Service and is translated by nobody ends here, and not at the machine's default route.
    `route add ${services.ipv4} dev ${bridges.node} src ${node.ipv4}`,
    ...(six ? [`-6 route add ${services.ipv6} dev ${bridges.node} src ${node.ipv6}`] : []),
    `link add ${bridges.pods} type bridge`,
    `address add ${podGateway.ipv4} dev ${bridges.pods}`,
    ...(six ? [`address add ${podGateway.ipv6} dev ${bridges.pods} nodad`] : []),
    `link set ${bridges.pods} up`,
  ]
  for (const line of lines) await run('ip', line.split(' '))
}

/** The cluster's devices that are there: ends of pods' cables first. */
export function clusterDevices(): readonly string[] {
  const ports = join(devices, bridges.pods, 'brif')
  return [...(existsSync(ports) ? readdirSync(ports) : []), bridges.pods, bridges.node].filter((name) =>
    existsSync(join(devices, name)),
  )
}

/** Removes devices; one that went with its namespace meanwhile is gone as well. */
export async function removeDevices(names: readonly string[]): Promise<void> {
  for (const name of names) await runAny('ip', ['link', 'delete', name])
}
