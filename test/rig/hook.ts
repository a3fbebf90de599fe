import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { kubeconfigFor, type ControlPlane } from './control-plane.ts'
import { executable } from './installation.ts'
import { runAny, until, type RunResult } from './process.ts'

/** A hook of helm that waits for its Job or Pod, which nobody runs but us. */
export interface Hook {
  /** Runs the container's command once, with the token of its ServiceAccount. */
  readonly run: () => Promise<RunResult>
  /** Says what became of it, as the kubelet and the controller of Jobs would. */
  readonly end: (how: 'Succeeded' | 'Failed') => Promise<void>
}

interface HookPod {
  readonly serviceAccountName: string
  readonly containers: readonly { readonly command: readonly string[]; readonly args: readonly string[] }[]
}

/** Waits until helm has made it. */
export async function hookOf(plane: ControlPlane, kind: 'job' | 'pod', name: string, namespace: string): Promise<Hook> {
  let text = ''
  await until(async () => {
    text = (await plane.kubectl(['get', kind, name, '-n', namespace, '-o', 'json'])).stdout
    return text !== ''
  }, `the ${kind} ${name}`)
  const { spec } = JSON.parse(text) as { readonly spec: HookPod & { readonly template?: { readonly spec: HookPod } } }
  const { serviceAccountName, containers } = spec.template?.spec ?? spec
  const [container = { command: [], args: [] }] = containers
  return {
    run: async () => {
      const token = await plane.mustKubectl(['create', 'token', serviceAccountName, '-n', namespace])
      const kubeconfig = join(plane.dir, `${name}.kubeconfig`)
      writeFileSync(kubeconfig, kubeconfigFor(plane.url, plane.caFile, token.trim()), { mode: 0o600 })
      return runAny(executable(container.command[0] ?? ''), [...container.args, '--kubeconfig', kubeconfig])
    },
    end: async (how) => {
      const status = JSON.stringify({ status: kind === 'pod' ? { phase: how } : jobStatus(how) })
      await plane.mustKubectl(['patch', kind, name, '-n', namespace, '--subresource=status', '--type=merge', '-p', status]) // prettier-ignore
    },
  }
}

function jobStatus(how: 'Succeeded' | 'Failed'): object {
  const at = new Date().toISOString().replace(/\.\d+/, '')
  const condition = (type: string): object => ({ type, status: 'True', lastTransitionTime: at, lastProbeTime: at })
  return how === 'Succeeded'
    ? { startTime: at, completionTime: at, succeeded: 1, conditions: [condition('SuccessCriteriaMet'), condition('Complete')] } // prettier-ignore
    : { startTime: at, failed: 1, conditions: [condition('FailureTarget'), condition('Failed')] }
}
