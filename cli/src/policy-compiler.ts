import { policyCompiler } from '@sallyport/controller/policies'
import type { CompilePolicy } from '@sallyport/sidecar'
import { CliError, exitCodes } from './cli-error.ts'
import { findOpa } from './config.ts'

/**
 * The controller's compiler in the form a folder of manifests needs: a module, or an error that says row and column. opa
 * is looked for when there is a policy to compile.
 * @param opaBin  `--opa-bin`.
 */
export function folderCompiler(opaBin: string | undefined): CompilePolicy {
  let compiler: ReturnType<typeof policyCompiler> | null = null
  return async ({ rego }) => {
    compiler ??= policyCompiler({ opa: findOpa(opaBin) })
    const compiled = await compiler.compile(rego)
    if (!compiled.ok) throw new CliError('policy-not-compiled', compiled.problems.join('\n'), exitCodes.unusable)
    const { digest, wasm, volatile } = compiled
    return { digest, wasm, volatile }
  }
}
