import type { GrantBinding } from '@sallyport/crds'
import type { DecisionInput } from '../model/decision.ts'
import { loadOpaPolicy, PolicyError, type OpaPolicy } from './opa-policy.ts'
import { readGuardrails, type GuardrailAnswer } from './policy-results.ts'

/** What tells one text from another of the same shape. */
const unseen = { span: undefined, digest: undefined, normalized: undefined, fingerprint: undefined }
const entrypoint = 'sallyport/decision'
/** Shapes of statements under one grant whose answers are kept. */
const maxKept = 1_000

/**
 * The rules that hold whatever policies say. They see what a statement does, never its text; so statements that differ in
 * literals only are judged once. That a grant is active at all is for the caller to know: the answer is kept.
 */
export class Guardrails {
  readonly #module: OpaPolicy
  /** Grants are the objects of a snapshot: with the next one everything is asked anew. */
  readonly #answers = new WeakMap<GrantBinding, Map<string, GuardrailAnswer>>()

  private constructor(module: OpaPolicy) {
    this.#module = module
  }

  /** @throws PolicyError where the module cannot be loaded. */
  static async load(wasm: Uint8Array): Promise<Guardrails> {
    const module = await loadOpaPolicy(wasm)
    if (!module.has(entrypoint)) throw new PolicyError(`the guardrails have no entrypoint ${entrypoint}`)
    return new Guardrails(module)
  }

  /** @throws PolicyError where the module fails. */
  judge(input: DecisionInput): GuardrailAnswer {
    const deed = { ...input.statement, ...unseen }
    const key = JSON.stringify([input.database, input.subject, deed])
    const kept = this.#answers.get(input.grant) ?? new Map<string, GuardrailAnswer>()
    this.#answers.set(input.grant, kept)
    const known = kept.get(key)
    if (known) return known
    const answer = readGuardrails(this.#module.evaluate(entrypoint, { ...input, statement: deed }))
    const oldest = kept.size >= maxKept ? kept.keys().next().value : undefined
    if (oldest !== undefined) kept.delete(oldest)
    kept.set(key, answer)
    return answer
  }
}
