import { join } from 'node:path'
import type { RunResult } from '../rig/process.ts'
import type { Target } from './target.ts'

const chart = join(import.meta.dirname, '../../charts/sallyport')

/** Where the release lives in these tests. */
export const releaseNamespace = 'sallyport-system'

/** What every install of these tests sets: the images of this checkout, and shutdowns that do not wait for load balancers. */
export function releaseArgs(target: Target, ...more: readonly string[]): readonly string[] {
  const image = (key: string, reference: string): readonly string[] => {
    const [, registry = '', repository = '', tag = ''] = /^([^/]+)\/(.+):([^:/]+)$/.exec(reference) ?? []
    const values = { registry, repository, tag }
    return Object.entries(values).map(([field, value]) => `--set=${key}.image.${field}=${value}`)
  }
  return [
    `--namespace=${releaseNamespace}`,
    ...image('controller', target.images.controller),
    ...image('sidecar', target.images.sidecar),
    ...image('redirect', target.images.redirect),
    '--wait',
    '--timeout=180s',
    ...more,
  ]
}

/** `helm install`, and nothing by hand: what a user has afterwards. */
export async function installRelease(target: Target, ...more: readonly string[]): Promise<void> {
  await target.helm(['install', 'sallyport', chart, '--create-namespace', ...releaseArgs(target, ...more)])
}

/** `helm upgrade` to other values. */
export async function upgradeRelease(target: Target, ...more: readonly string[]): Promise<void> {
  await target.helm(['upgrade', 'sallyport', chart, ...releaseArgs(target, ...more)])
}

/** `helm uninstall`. */
export function uninstallRelease(target: Target): Promise<RunResult> {
  return target.tryHelm(['uninstall', 'sallyport', `--namespace=${releaseNamespace}`, '--wait', '--timeout=120s'])
}
