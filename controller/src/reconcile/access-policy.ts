import { digestOf } from '@sallyport/crds'
import type { Logger } from 'pino'
import type { CompiledModule } from '../grants/build-snapshot.ts'
import type { PolicyObject } from '../grants/objects.ts'
import { applyStatus } from '../kube/apply-status.ts'
import type { KubeClient } from '../kube/client.ts'
import { setConditions, type NewCondition } from '../kube/conditions.ts'
import type { EventRecorder } from '../kube/events.ts'
import type { ResourceCache } from '../kube/resource-cache.ts'
import type { PolicyCompilation } from '../policies/index.ts'
import { policyKinds } from './kinds.ts'
import type { PolicyStore } from './policy-store.ts'

/** Compiles Rego. Rejects only when the compiler itself fails. */
export type CompilePolicy = (rego: string) => Promise<PolicyCompilation>

export interface PolicyReconcilerOptions {
  readonly client: KubeClient
  readonly caches: { readonly [K in PolicyObject['kind']]: ResourceCache<PolicyObject> }
  readonly store: PolicyStore
  readonly compile: CompilePolicy
  /** Changes whenever the same source may compile to another module. */
  readonly compilerVersion: string
  readonly events: EventRecorder
  /** Unix milliseconds. */
  readonly nowMs: () => number
  /** Another module of the policy is in force, or none any more. */
  readonly onChange: (key: string) => void
  readonly onCompiled: (result: 'ok' | 'error') => void
  readonly log: Logger
}

/** Compiles policies, keeps the last good module of each in force, and says in their conditions what is wrong. */
export class PolicyReconciler {
  readonly #options: PolicyReconcilerOptions
  readonly #problems = new Map<string, { readonly sourceDigest: string; readonly problems: readonly string[] }>()

  constructor(options: PolicyReconcilerOptions) {
    this.#options = options
  }

  /** What is in force for a policy; null: nothing yet. */
  moduleOf(policy: PolicyObject): CompiledModule | null {
    const stored = this.#options.store.get(policyKey(policy))
    return stored?.uid === policy.metadata.uid ? stored : null
  }

  /** @param key of {@link policyKey}. */
  async reconcile(key: string): Promise<number | null> {
    const policy = this.#find(key)
    if (!policy) {
      this.#problems.delete(key)
      this.#options.store.delete(key)
      this.#options.onChange(key)
      return null
    }
    const sourceDigest = digestOf([this.#options.compilerVersion, policy.spec.rego])
    const stored = this.#options.store.get(key)
    const known = this.#problems.get(key)
    if (
      (stored?.uid !== policy.metadata.uid || stored.sourceDigest !== sourceDigest) &&
      known?.sourceDigest !== sourceDigest
    ) {
      await this.#compile(key, policy, sourceDigest)
    } else if (stored?.sourceDigest === sourceDigest) this.#problems.delete(key)
    await this.#writeStatus(key, policy)
    return null
  }

  async #compile(key: string, policy: PolicyObject, sourceDigest: string): Promise<void> {
    const result = await this.#options.compile(policy.spec.rego)
    this.#options.onCompiled(result.ok ? 'ok' : 'error')
    if (result.ok) {
      const { digest, volatile } = result
      this.#problems.delete(key)
      this.#options.store.set(key, { uid: policy.metadata.uid, sourceDigest, digest, volatile }, result.wasm)
      this.#options.log.info({ policy: key, digest, volatile }, 'policy compiled')
    } else {
      this.#problems.set(key, { sourceDigest, problems: result.problems })
    }
    this.#options.onChange(key)
  }

  async #writeStatus(key: string, policy: PolicyObject): Promise<void> {
    const problems = this.#problems.get(key)?.problems ?? []
    const module = this.moduleOf(policy)
    const before = policy.status?.conditions ?? []
    const observedGeneration = policy.metadata.generation ?? 0
    const next = conditionsOf(problems, module).map((condition) => ({ ...condition, observedGeneration }))
    const status = {
      ...(module ? { digest: module.digest } : {}),
      conditions: setConditions(before, next, this.#options.nowMs()),
    }
    const kind = policyKinds[policy.kind]
    const written = await applyStatus(this.#options.client, kind, policy, status)
    if (written === null) return
    this.#options.caches[policy.kind].accept(written)
    this.#tell(policy, problems, module)
  }

  #tell(policy: PolicyObject, problems: readonly string[], module: CompiledModule | null): void {
    const kind = policyKinds[policy.kind]
    const before = policy.status?.conditions?.find((condition) => condition.type === 'Compiled')
    if (problems.length > 0) {
      const note = problems.join('\n')
      if (before?.message.startsWith(note.slice(0, 8192)) && before.status === 'False') return
      this.#options.events.record(policy, kind, {
        type: 'Warning',
        reason: 'PolicyCompileFailed',
        action: 'Compile',
        note,
      })
    } else if (module && policy.status?.digest !== module.digest) {
      const note = `compiled to ${module.digest}`
      this.#options.events.record(policy, kind, { type: 'Normal', reason: 'PolicyCompiled', action: 'Compile', note })
    }
  }

  #find(key: string): PolicyObject | undefined {
    const at = key.indexOf('/')
    const kind = key.slice(0, at)
    const name = key.slice(at + 1)
    if (kind !== 'AccessPolicy' && kind !== 'ClusterAccessPolicy') return undefined
    return this.#options.caches[kind].get(name)
  }
}

/** `AccessPolicy/<namespace>/<name>` or `ClusterAccessPolicy/<name>`. */
export function policyKey(policy: PolicyObject): string {
  const { namespace, name } = policy.metadata
  return namespace === undefined ? `${policy.kind}/${name}` : `${policy.kind}/${namespace}/${name}`
}

function conditionsOf(problems: readonly string[], module: CompiledModule | null): readonly NewCondition[] {
  if (problems.length === 0 && module) {
    const message = `compiled to ${module.digest}`
    return [
      { type: 'Compiled', status: 'True', reason: 'Compiled', message },
      { type: 'Ready', status: 'True', reason: 'InForce', message: 'the policy is in force' },
    ]
  }
  const message = problems.join('\n').slice(0, 8192)
  const ready = module
    ? {
        reason: 'LastGoodInForce',
        message: `the source does not compile; ${module.digest}, compiled before, stays in force`,
      }
    : {
        reason: 'NeverCompiled',
        message: 'the source does not compile and no earlier module is known: databases it guards are closed',
      }
  return [
    { type: 'Compiled', status: 'False', reason: 'CompileFailed', message },
    { type: 'Ready', status: 'False', ...ready },
  ]
}
