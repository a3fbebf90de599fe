import { digestOf, parseDurationMs } from '@sallyport/crds'
import { applicablePolicies, policyName } from '../grants/applicable-policies.ts'
import type { CompiledModule, ResolvedDatabase } from '../grants/build-snapshot.ts'
import type { ExpiryHeap } from '../grants/expiry-heap.ts'
import { grantState, type GrantContext, type GrantState } from '../grants/grant-state.ts'
import { isGrantableTo } from '../grants/grantable-to.ts'
import type { GrantObject, PolicyObject } from '../grants/objects.ts'
import { applyStatus } from '../kube/apply-status.ts'
import type { KubeClient } from '../kube/client.ts'
import { setConditions } from '../kube/conditions.ts'
import { isKubeError } from '../kube/errors.ts'
import type { EventRecorder, ObjectEvent } from '../kube/events.ts'
import { unreachable } from '../kube/unreachable.ts'
import { allPolicies, databaseKeyOf, type Caches } from './caches.ts'
import { grantConditions, grantTimes } from './grant-status.ts'
import { grantKind } from './kinds.ts'

export interface GrantReconcilerOptions {
  readonly client: KubeClient
  readonly caches: Caches
  readonly database: (key: string) => Promise<ResolvedDatabase | undefined>
  readonly moduleOf: (policy: PolicyObject) => CompiledModule | null
  readonly boundaries: ExpiryHeap
  readonly events: EventRecorder
  /** Unix milliseconds. */
  readonly nowMs: () => number
  readonly onActivated: (sinceCreationMs: number) => void
}

/** Moves a grant through its life and says so in its status. Access itself follows from what is stored there. */
export class GrantReconciler {
  readonly #options: GrantReconcilerOptions

  constructor(options: GrantReconcilerOptions) {
    this.#options = options
  }

  /** @returns when to look again; the instants of the grant itself are in the heap. */
  async reconcile(key: string): Promise<number | null> {
    const { caches, boundaries, nowMs } = this.#options
    const grant = caches.grants.get(key)
    if (!grant) {
      boundaries.delete(key)
      return null
    }
    const policies = this.#policies(grant)
    const context = await this.#context(grant, policies)
    const now = nowMs()
    const state = grantState(grant, now, context)
    if (state.nextBoundaryMs === null) boundaries.delete(key)
    else boundaries.set(key, state.nextBoundaryMs)
    return this.#write(grant, state, policies, now)
  }

  /** The grant is gone: its access ended with it. */
  recordDeleted(grant: GrantObject): void {
    this.#options.boundaries.delete(`${grant.metadata.namespace ?? ''}/${grant.metadata.name}`)
    if (grant.status?.state !== 'Active') return
    const note = 'the grant was deleted; its access has ended'
    this.#options.events.record(grant, grantKind, { type: 'Normal', reason: 'Revoked', action: 'Revoke', note })
  }

  async #write(
    grant: GrantObject,
    state: GrantState,
    policies: readonly PolicyObject[],
    nowMs: number,
  ): Promise<number | null> {
    const { client, caches } = this.#options
    const observedGeneration = grant.metadata.generation ?? 0
    const next = grantConditions(state).map((condition) => ({ ...condition, observedGeneration }))
    const digest =
      state.state === 'Active' ? policyDigest(policies, this.#options.moduleOf) : grant.status?.policyDigest
    const status = {
      ...grantTimes(state),
      ...(digest === undefined ? {} : { policyDigest: digest }),
      conditions: setConditions(grant.status?.conditions ?? [], next, nowMs),
    }
    try {
      const written = await applyStatus(client, grantKind, grant, status)
      if (written === null) return null
      caches.grants.accept(written)
    } catch (error) {
      // Deleted or changed meanwhile: the event that says so is on its way; look again in case it was seen already.
      if (isKubeError(error, 'not-found')) return null
      if (isKubeError(error, 'conflict')) return conflictRetryMs
      throw error
    }
    this.#tell(grant, state, nowMs)
    return null
  }

  #tell(grant: GrantObject, state: GrantState, nowMs: number): void {
    const before = grant.status?.state
    const reasonBefore = grant.status?.conditions?.find((condition) => condition.type === 'Active')?.reason
    if (before === state.state && reasonBefore === state.reason) return
    if (state.state === 'Active' && before !== 'Active') {
      this.#options.onActivated(nowMs - Date.parse(grant.metadata.creationTimestamp ?? ''))
    }
    this.#options.events.record(grant, grantKind, { ...eventOf(state), note: state.message })
  }

  #policies(grant: GrantObject): readonly PolicyObject[] {
    const { caches } = this.#options
    const namespace = grant.metadata.namespace ?? ''
    return applicablePolicies(allPolicies(caches), namespace, caches.namespaces.get(namespace)?.metadata.labels)
  }

  async #context(grant: GrantObject, policies: readonly PolicyObject[]): Promise<GrantContext> {
    const { caches, moduleOf } = this.#options
    const namespace = grant.metadata.namespace ?? ''
    const database = await this.#options.database(databaseKeyOf(grant))
    const labels = caches.namespaces.get(namespace)?.metadata.labels
    const named = (grant.spec.policyRefs ?? []).map((ref) => ref.name)
    const limits = database?.object.spec.limits
    return {
      database: database
        ? {
            grantable: isGrantableTo(database.object, namespace, labels),
            credentialsProblem: database.problem,
            maxGrantDurationMs:
              limits?.maxGrantDuration === undefined ? null : parseDurationMs(limits.maxGrantDuration),
            requiredApprovals: limits?.requiredApprovals ?? 0,
          }
        : null,
      missingPolicies: named.filter((name) => !caches.accessPolicies.get(`${namespace}/${name}`)),
      uncompiledPolicies: policies.filter((policy) => moduleOf(policy) === null).map(policyName),
    }
  }
}

const conflictRetryMs = 50

function eventOf(state: GrantState): Omit<ObjectEvent, 'note'> {
  switch (state.state) {
    case 'Active':
      return { type: 'Normal', reason: 'Activated', action: 'Activate' }
    case 'Pending':
      return { type: state.reason === 'NotYetValid' ? 'Normal' : 'Warning', reason: state.reason, action: 'Wait' }
    case 'Expired':
    case 'Revoked':
    case 'Denied':
      return { type: 'Normal', reason: state.state, action: 'End' }
    default:
      return unreachable(state)
  }
}

function policyDigest(
  policies: readonly PolicyObject[],
  moduleOf: (policy: PolicyObject) => CompiledModule | null,
): string {
  const digests = policies.map((policy) => [
    policyName(policy),
    policy.spec.mode ?? 'Enforce',
    moduleOf(policy)?.digest ?? null,
  ])
  return digestOf(digests.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)))
}
