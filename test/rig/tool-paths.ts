import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { toolFolder } from '../tools/tool-folder.mjs'

export type Tool = 'kube-apiserver' | 'etcd' | 'opa' | 'kubectl' | 'helm'

/** Path of a tool's binary. @throws where `make setup` has not been run. */
export function toolPath(tool: Tool): string {
  const path = join(toolFolder(), tool)
  if (!existsSync(path)) throw new Error(`${tool} is not in the cache: run make setup`)
  return path
}
