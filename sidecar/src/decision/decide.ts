import { createHash } from 'node:crypto'
import type { MaskKind } from '@sallyport/crds'
import type { Logger } from 'pino'
import type { Decision, DecisionInput, Denial, LoadedPolicy } from '../model/decision.ts'
import { leastRevealing } from './decision-input.ts'
import { loadOpaPolicy, PolicyError, type OpaPolicy } from './opa-policy.ts'
import { Guardrails } from './guardrails.ts'
import { list, policyName, readLimit, readMask, readPolicyDenial, type PolicyLimit } from './policy-results.ts'

/** Guardrails and policies as one judge. */
export interface PolicyEngine {
  /** Never throws: what cannot be judged is denied with `policy-error`. */
  readonly decide: (input: DecisionInput) => Decision
  /** `sha256:` over guardrails and policies in force. */
  readonly digest: string
  /** A policy reads `input.now` or `input.session`: decisions hold for one execution. */
  readonly volatile: boolean
}

export interface EngineOptions {
  /** WASM of sidecar/policy. */
  readonly guardrails: Uint8Array
  readonly policies: readonly LoadedPolicy[]
  readonly log: Pick<Logger, 'error'>
}

/** @throws PolicyError where a module cannot be loaded. */
export async function loadPolicyEngine({ guardrails, policies, log }: EngineOptions): Promise<PolicyEngine> {
  const builtIn = await Guardrails.load(guardrails)
  const loaded = await Promise.all(
    policies.map(async ({ binding, wasm }) => ({ binding, module: await loadOpaPolicy(wasm) })),
  )
  return {
    digest: digestOf(guardrails, policies),
    volatile: policies.some(({ binding }) => binding.volatile),
    decide: (input) => {
      const grant = `${input.grant.namespace}/${input.grant.name}`
      try {
        const answers = loaded.map((policy) => ask(policy, input))
        const decision = judge(builtIn, answers, input)
        return decision.effect === 'Deny' ? { ...decision, grant } : decision
      } catch (cause) {
        const rule = cause instanceof AskError ? cause.policy : undefined
        log.error({ err: cause, policy: rule }, 'a policy could not be evaluated; the statement is denied')
        return { effect: 'Deny', reason: 'policy-error', grant, ...(rule === undefined ? {} : { rule }) }
      }
    },
  }
}

interface Module {
  readonly binding: LoadedPolicy['binding']
  readonly module: OpaPolicy
}

interface Answer {
  readonly enforced: boolean
  readonly denials: readonly Denial[]
  readonly masks: readonly { readonly column: string; readonly mask: MaskKind }[]
  readonly limits: readonly PolicyLimit[]
}

class AskError extends PolicyError {
  readonly policy: string

  constructor(policy: string, cause: unknown) {
    super(`policy ${policy}`, { cause })
    this.policy = policy
  }
}

function ask({ binding, module }: Module, input: DecisionInput): Answer {
  const answer = (name: string): readonly unknown[] =>
    module.has(`policy/${name}`) ? list(module.evaluate(`policy/${name}`, input), name) : []
  try {
    return {
      enforced: binding.mode === 'Enforce',
      denials: answer('deny').map((value) => readPolicyDenial(value, binding)),
      masks: answer('mask').map(readMask),
      limits: answer('limit').map(readLimit),
    }
  } catch (cause) {
    throw new AskError(policyName(binding), cause)
  }
}

function judge(builtIn: Guardrails, answers: readonly Answer[], input: DecisionInput): Decision {
  const enforced = answers.filter((answer) => answer.enforced)
  const guarded = builtIn.judge(withMasks(input, enforced))
  const [denial] = [...guarded.deny, ...enforced.flatMap((answer) => answer.denials)]
  if (denial) return denial
  const limits = enforced.flatMap((answer) => answer.limits)
  const maxAffectedRows = smallest([guarded.maxAffectedRows, ...limits.map((limit) => limit.maxAffectedRows)])
  if (maxAffectedRows !== null && input.statement.affectedRows === 'Unmeasurable') {
    return { effect: 'Deny', reason: 'unmeasurable-write', object: input.statement.kind }
  }
  const { rowsPerStatement = null, bytesPerStatement = null } = input.grant.limits
  return {
    effect: 'Allow',
    grant: input.grant,
    masks: guarded.masks,
    ...(input.statement.readsData || input.statement.systemRelations.length === 0
      ? {
          rowLimit: smallest([rowsPerStatement, ...limits.map((limit) => limit.rowsPerStatement)]),
          byteLimit: smallest([bytesPerStatement, ...limits.map((limit) => limit.bytesPerStatement)]),
        }
      : catalogCeiling(input)),
    maxAffectedRows,
    dryRun: answers.filter((answer) => !answer.enforced).flatMap((answer) => answer.denials),
  }
}

/** Results without granted data have a ceiling of their own; a dump reads the whole catalog. */
function catalogCeiling({ grant }: DecisionInput): { readonly rowLimit: number; readonly byteLimit: number } {
  const mebibyte = 1024 * 1024
  if (grant.catalog === 'Dump') return { rowLimit: 1_000_000, byteLimit: 256 * mebibyte }
  return { rowLimit: 5_000, byteLimit: mebibyte }
}

/** Masks of policies join the Database's before the guardrails judge: a column they hide is as hidden as any. */
function withMasks(input: DecisionInput, answers: readonly Answer[]): DecisionInput {
  const masks = answers.flatMap((answer) => answer.masks)
  if (masks.length === 0) return input
  const sensitive = { ...input.database.sensitive }
  for (const { column, mask } of masks) sensitive[column] = leastRevealing(sensitive[column], mask)
  return { ...input, database: { ...input.database, sensitive } }
}

function smallest(limits: readonly (number | null)[]): number | null {
  const known = limits.filter((limit) => limit !== null)
  return known.length === 0 ? null : Math.min(...known)
}

function digestOf(guardrails: Uint8Array, policies: readonly LoadedPolicy[]): string {
  const hash = createHash('sha256').update(createHash('sha256').update(guardrails).digest())
  for (const { binding } of policies) hash.update(`${policyName(binding)} ${binding.mode} ${binding.digest}\n`)
  return `sha256:${hash.digest('hex')}`
}
