import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { runAny } from '../rig/process.ts'
import { ClusterError } from './errors.ts'

/** Debian's packages, and the files that show that what they bring is there, whoever brought it: one of each list. */
const packages: Readonly<Record<string, readonly (readonly string[])[]>> = {
  containerd: [onPath('containerd'), onPath('ctr'), onPath('containerd-shim-runc-v2')],
  runc: [onPath('runc')],
  'containernetworking-plugins': [['/usr/lib/cni/bridge', '/opt/cni/bin/bridge']],
  nftables: [onPath('nft')],
  iproute2: [onPath('ip')],
  'busybox-static': [onPath('busybox')],
}
const policyFile = '/usr/sbin/policy-rc.d'

/** What the machine lacks, as Debian names it. */
export function missingPackages(): readonly string[] {
  return Object.keys(packages).filter((name) => !(packages[name] ?? []).every((files) => files.some(existsSync)))
}

/** Folder of the network plugins. */
export function cniPlugins(): string {
  return existsSync('/usr/lib/cni/bridge') ? '/usr/lib/cni' : '/opt/cni/bin'
}

/**
 * Installs what is missing where that is possible.
 * @throws ClusterError that says what is missing and what to do.
 */
export async function ensurePrerequisites(say: (text: string) => void): Promise<void> {
  if (process.platform !== 'linux') throw new ClusterError(`the cluster needs Linux, and this is ${process.platform}`)
  if (process.getuid?.() !== 0)
    throw new ClusterError(
      'the cluster needs root: it makes network devices, mounts and namespaces (try: sudo make cluster-up)',
    )
  const missing = missingPackages()
  if (missing.length === 0) return
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`
  if (!onPath('apt-get').some(existsSync))
    throw new ClusterError(`missing: ${missing.join(', ')} (Debian's names). Install them as this system does.`)
  say(`installing ${missing.join(', ')}`)
  const output = await install(missing)
  const still = missingPackages()
  if (still.length > 0)
    throw new ClusterError(`missing: ${still.join(', ')}. \`${command}\` did not bring them:\n${output.slice(-2000)}`)
}

async function install(names: readonly string[]): Promise<string> {
  const apt = (args: readonly string[]): ReturnType<typeof runAny> =>
    runAny('apt-get', ['-qq', ...args], { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })
  const args = ['install', '-y', '--no-install-recommends', ...names]
  // Debian's own containerd must not start: the cluster runs its own, with another configuration.
  const keepsServicesOff = !existsSync(policyFile)
  if (keepsServicesOff) writeFileSync(policyFile, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    const first = await apt(args)
    if (first.code === 0) return first.stdout
    await apt(['update'])
    const second = await apt(args)
    return second.stdout + second.stderr
  } finally {
    if (keepsServicesOff) rmSync(policyFile)
  }
}

function onPath(name: string): readonly string[] {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/bin', '/sbin', '/bin']
  return folders.map((folder) => join(folder, name))
}
