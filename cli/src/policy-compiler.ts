import type { Rooms } from '@sallyport/controller'
import type { CompilePolicy } from '@sallyport/sidecar'
import { CliError, exitCodes } from './cli-error.ts'

/** The controller's compiler in the form a folder of manifests needs: a module, or an error that says row and column. */
export function folderCompiler(compile: Rooms['compiler']['compile']): CompilePolicy {
  return async ({ rego }) => {
    const compiled = await compile(rego)
    if (!compiled.ok) throw new CliError('policy-not-compiled', compiled.problems.join('\n'), exitCodes.unusable)
    const { digest, wasm, volatile } = compiled
    return { digest, wasm, volatile }
  }
}
