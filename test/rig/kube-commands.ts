import { join } from 'node:path'
import { RigError, run, runAny, type RunResult } from './process.ts'
import { toolPath } from './tool-paths.ts'

/** The command lines of a cluster, for one user of it. */
export interface KubeCommands {
  /** @returns what kubectl did, whatever its exit code. */
  readonly kubectl: (args: readonly string[], input?: string) => Promise<RunResult>
  /** stdout of kubectl. @throws when it fails. */
  readonly mustKubectl: (args: readonly string[], input?: string) => Promise<string>
  /** stdout of helm. @throws when it fails. */
  readonly helm: (args: readonly string[]) => Promise<string>
}

/** @param dir  where the commands keep what they cache. */
export function kubeCommands(kubeconfig: string, dir: string): KubeCommands {
  // A proxy is for the world outside, and these clusters are on this machine.
  const direct = { NO_PROXY: '*', no_proxy: '*' }
  const env = { ...process.env, ...direct, KUBECONFIG: kubeconfig, HOME: dir, HELM_CACHE_HOME: join(dir, 'helm') }
  const kubectl = (args: readonly string[], input?: string): Promise<RunResult> =>
    runAny(toolPath('kubectl'), args, { env, ...(input === undefined ? {} : { input }) })
  return {
    kubectl,
    mustKubectl: async (args, input) => {
      const result = await kubectl(args, input)
      if (result.code !== 0) throw new RigError(`kubectl ${args.join(' ')}: ${result.stderr.trim()}`)
      return result.stdout
    },
    helm: (args) => run(toolPath('helm'), args, { env }),
  }
}
