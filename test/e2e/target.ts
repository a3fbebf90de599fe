/** What the end-to-end tests run on: the node this machine makes for them, or a cluster somebody names. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { run, runAny, type RunResult } from '../rig/process.ts'
import { toolPath } from '../rig/tool-paths.ts'
import type { TargetConfig } from './config.ts'

const root = join(import.meta.dirname, '../..')

/** A cluster with images that its nodes can start. */
export interface Target {
  /** The cluster was made for these tests: its node's processes may be killed, and it is thrown away afterwards. */
  readonly isOwn: boolean
  readonly kubeconfig: string
  readonly images: TargetImages
  /** @returns what kubectl did, whatever its exit code. */
  readonly kubectl: (args: readonly string[], input?: string) => Promise<RunResult>
  /** stdout of kubectl. @throws when it fails. */
  readonly must: (args: readonly string[], input?: string) => Promise<string>
  /** @throws when helm fails. */
  readonly helm: (args: readonly string[]) => Promise<string>
  readonly tryHelm: (args: readonly string[]) => Promise<RunResult>
  /** The `sallyport` command of this checkout, with the cluster's kubeconfig. */
  readonly sallyport: (args: readonly string[]) => Promise<RunResult>
  /** Applies objects. */
  readonly apply: (...objects: readonly object[]) => Promise<string>
  /** A field of an object, by JSONPath; empty where it is not there. */
  readonly get: (what: string, namespace: string, path: string) => Promise<string>
}

export interface TargetImages {
  readonly controller: string
  readonly sidecar: string
  readonly redirect: string
  readonly app: string
  readonly postgres: string
}

/** Talks to the cluster of the configuration. */
export function openTarget({ kubeconfig, imageRegistry, isOwn }: TargetConfig): Target {
  const env = { ...process.env, KUBECONFIG: kubeconfig, HELM_CACHE_HOME: join(root, 'node_modules/.cache/helm') }
  const kubectl = (args: readonly string[], input?: string): Promise<RunResult> =>
    runAny(toolPath('kubectl'), args, { env, ...(input === undefined ? {} : { input }) })
  const must = async (args: readonly string[], input?: string): Promise<string> => {
    const result = await kubectl(args, input)
    if (result.code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${result.stderr.trim()}`)
    return result.stdout
  }
  return {
    isOwn,
    kubeconfig,
    images: imagesOf(imageRegistry),
    kubectl,
    must,
    helm: (args) => run(toolPath('helm'), args, { env }),
    tryHelm: (args) => runAny(toolPath('helm'), args, { env }),
    sallyport: (args) => runAny(join(root, 'cli/bin/sallyport'), args, { env }),
    apply: (...objects) =>
      must(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects })),
    get: async (what, namespace, path) =>
      (await must(['get', ...what.split(' '), '-n', namespace, '-o', `jsonpath=${path}`])).trim(),
  }
}

function imagesOf(registry: string | null): TargetImages {
  const release = (name: string): string => `${registry ?? 'ghcr.io/sallyport-dev'}/sallyport-${name}:${version()}`
  const test = (name: string): string => `${registry ?? 'registry.local'}/${name}:test`
  return {
    controller: release('controller'),
    sidecar: release('sidecar'),
    redirect: release('redirect'),
    app: test('e2e-app'),
    postgres: test('e2e-postgres'),
  }
}

function version(): string {
  return /^appVersion: (.+)$/m.exec(readFileSync(join(root, 'charts/sallyport/Chart.yaml'), 'utf8'))?.[1] ?? ''
}
