import type { LoadedPolicy } from '../model/decision.ts'
import { FolderError, type FolderProblem } from './folder-error.ts'
import { keyOf, type FolderPolicy } from './folder-objects.ts'

export interface PolicySource {
  readonly kind: 'AccessPolicy' | 'ClusterAccessPolicy'
  readonly namespace?: string
  readonly name: string
  readonly rego: string
}

export interface PolicyModule {
  /** `sha256:` and the hex digest of the module. */
  readonly digest: string
  readonly wasm: Uint8Array
  /** It reads `input.now` or `input.session`. */
  readonly volatile: boolean
}

/** Rejects with an Error whose message names what is wrong, by row and column. */
export type CompilePolicy = (source: PolicySource) => Promise<PolicyModule>

export interface CompiledPolicies {
  /** By Rego text. */
  readonly modules: ReadonlyMap<string, PolicyModule>
  /** Those that judge the subject, sorted by namespace and name. */
  readonly loaded: readonly LoadedPolicy[]
}

/**
 * Compiles the policies that judge statements under grants of a namespace; each text once. There are no labels of
 * namespaces here, so a ClusterAccessPolicy judges whatever its `namespaceSelector`: a policy can only take away.
 * @throws FolderError with the compiler's words for every policy that does not compile.
 */
export async function compilePolicies(
  policies: readonly FolderPolicy[],
  namespace: string,
  compile: CompilePolicy | undefined,
  known: CompiledPolicies,
): Promise<CompiledPolicies> {
  const modules = new Map<string, PolicyModule>()
  const problems: FolderProblem[] = []
  const loaded: LoadedPolicy[] = []
  for (const policy of applicable(policies, namespace)) {
    const { rego, mode } = policy.spec
    try {
      const module = modules.get(rego) ?? known.modules.get(rego) ?? (await compileOne(policy, compile))
      modules.set(rego, module)
      const { digest, wasm, volatile } = module
      loaded.push({
        binding: { ...nameOf(policy), mode: mode === 'DryRun' ? 'DryRun' : 'Enforce', digest, volatile },
        wasm,
      })
    } catch (cause) {
      const problem = cause instanceof Error ? cause.message : 'the policy cannot be compiled'
      problems.push({ file: policy.file, path: 'spec.rego', problem })
    }
  }
  if (problems.length > 0) throw new FolderError(problems)
  return { modules, loaded }
}

function applicable(policies: readonly FolderPolicy[], namespace: string): readonly FolderPolicy[] {
  return policies
    .filter(({ kind, metadata, spec }) => {
      if (spec.mode === 'Disabled') return false
      return kind === 'ClusterAccessPolicy' || metadata.namespace === namespace
    })
    .sort((left, right) => (keyOf(left.metadata) < keyOf(right.metadata) ? -1 : 1))
}

async function compileOne(policy: FolderPolicy, compile: CompilePolicy | undefined): Promise<PolicyModule> {
  if (!compile)
    throw new FolderError([{ file: policy.file, path: 'spec.rego', problem: 'there is no compiler for policies here' }])
  return compile({ ...nameOf(policy), rego: policy.spec.rego })
}

function nameOf({ kind, metadata }: FolderPolicy): Pick<PolicySource, 'kind' | 'namespace' | 'name'> {
  const { namespace = '', name } = metadata
  return namespace === '' ? { kind, name } : { kind, namespace, name }
}
