/** The cluster that all end-to-end files share: made before the first, gone after the last, whatever happens between. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startCluster } from '../cluster/cluster.ts'
import { namedTarget, type TargetConfig } from './config.ts'

declare module 'vitest' {
  interface ProvidedContext {
    readonly e2eTarget: TargetConfig
  }
}

const images = join(import.meta.dirname, '../../dist/images')
const archives = ['controller', 'sidecar', 'redirect', 'e2e-app', 'e2e-postgres']

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const named = namedTarget()
  if (named) {
    project.provide('e2eTarget', named)
    return undefined
  }
  for (const name of archives)
    if (!existsSync(join(images, `${name}.tar`)))
      throw new Error(`dist/images/${name}.tar is not there: make images test-images`)
  const cluster = await startCluster()
  try {
    for (const name of archives) await cluster.importImage(join(images, `${name}.tar`))
  } catch (error) {
    await cluster.stop()
    throw error
  }
  project.provide('e2eTarget', { kubeconfig: cluster.kubeconfig, imageRegistry: null, isOwn: true })
  return () => cluster.stop()
}
