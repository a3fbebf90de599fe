import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { toolFolder } from '../tools/tool-folder.mjs'

export type Tool = 'kube-apiserver' | 'etcd' | 'opa' | 'kubectl' | 'helm' | ClusterTool
/** Of the group `cluster`. */
export type ClusterTool = 'kube-controller-manager' | 'kube-scheduler' | 'kubelet' | 'kube-proxy' | 'coredns' | 'pause'

/** Path of a tool's binary. @throws where what builds it has not been run. */
export function toolPath(tool: Tool): string {
  const path = join(toolFolder(), tool)
  if (!existsSync(path))
    throw new Error(`${tool} is not in the cache: run make setup, or make cluster-tools for those of a node`)
  return path
}
