import { isDeepStrictEqual } from 'node:util'
import type { ResolvedDatabase } from '../grants/build-snapshot.ts'
import type { DatabaseObject } from '../grants/objects.ts'
import { applyStatus } from '../kube/apply-status.ts'
import type { KubeClient } from '../kube/client.ts'
import { setConditions, type NewCondition } from '../kube/conditions.ts'
import type { EventRecorder } from '../kube/events.ts'
import type { ResourceCache } from '../kube/resource-cache.ts'
import { hashKeyOf } from './keys.ts'
import { databaseKind } from './kinds.ts'
import type { Reachability } from './reachability.ts'
import { readDatabaseSecrets } from './read-secrets.ts'

export interface DatabaseReconcilerOptions {
  readonly client: KubeClient
  readonly cache: ResourceCache<DatabaseObject>
  readonly masterKey: Buffer
  readonly reachability: Reachability
  readonly events: EventRecorder
  /** Unix milliseconds. */
  readonly nowMs: () => number
  /** What a sidecar would get of this Database has changed. */
  readonly onResolved: (key: string) => void
}

/** Reads what Databases name, says in their conditions whether they can be used, and holds the result for snapshots. */
export class DatabaseReconciler {
  readonly #options: DatabaseReconcilerOptions
  readonly #resolved = new Map<string, ResolvedDatabase>()

  constructor(options: DatabaseReconcilerOptions) {
    this.#options = options
  }

  /** Every Database that was read. */
  list(): readonly ResolvedDatabase[] {
    return [...this.#resolved.values()]
  }

  /** One Database as it was last read; reads it now if it never was. Undefined: there is none. */
  async get(key: string): Promise<ResolvedDatabase | undefined> {
    const object = this.#options.cache.get(key)
    if (!object) return undefined
    const held = this.#resolved.get(key)
    return held?.object.metadata.uid === object.metadata.uid ? held : this.#resolve(key, object)
  }

  /** @returns when to read the Secrets again: they are not watched, which would need the right to list all. */
  async reconcile(key: string): Promise<number | null> {
    const object = this.#options.cache.get(key)
    if (!object) {
      if (this.#resolved.delete(key)) this.#options.onResolved(key)
      return null
    }
    const resolved = await this.#resolve(key, object)
    await this.#writeStatus(key, object, resolved)
    return resolved.problem === null ? refreshMs : retryMs
  }

  async #resolve(key: string, object: DatabaseObject): Promise<ResolvedDatabase> {
    const secrets = await readDatabaseSecrets(this.#options.client, object)
    const resolved = { object, ...secrets, hashKey: hashKeyOf(this.#options.masterKey, object.metadata.uid) }
    const before = this.#resolved.get(key)
    this.#resolved.set(key, resolved)
    if (!before || !isSame(before, resolved)) this.#options.onResolved(key)
    return resolved
  }

  async #writeStatus(key: string, object: DatabaseObject, resolved: ResolvedDatabase): Promise<void> {
    const { client, cache, nowMs } = this.#options
    const before = object.status?.conditions ?? []
    const observedGeneration = object.metadata.generation ?? 0
    const next = conditionsOf(resolved.problem, this.#options.reachability.condition(key))
    const conditions = setConditions(
      before,
      next.map((one) => ({ ...one, observedGeneration })),
      nowMs(),
    )
    const written = await applyStatus(client, databaseKind, object, { conditions })
    if (written === null) return
    cache.accept(written)
    this.#tell(object, next)
  }

  #tell(object: DatabaseObject, conditions: readonly NewCondition[]): void {
    const before = object.status?.conditions ?? []
    for (const { type, status, reason, message } of conditions) {
      if (type === 'Ready' || before.find((one) => one.type === type)?.status === status || status === 'Unknown')
        continue
      const isGood = status === 'True'
      const names = eventNames[type] ?? [reason, reason]
      this.#options.events.record(object, databaseKind, {
        type: isGood ? 'Normal' : 'Warning',
        reason: isGood ? names[0] : names[1],
        action: 'Reconcile',
        note: message,
      })
    }
  }
}

const refreshMs = 60_000
const retryMs = 1000

const eventNames: Readonly<Record<string, readonly [string, string]>> = {
  CredentialsAvailable: ['CredentialsAvailable', 'CredentialsNotAvailable'],
  Reachable: ['Reachable', 'Unreachable'],
}

function conditionsOf(problem: string | null, reachable: NewCondition): readonly NewCondition[] {
  const credentials: NewCondition =
    problem === null
      ? { type: 'CredentialsAvailable', status: 'True', reason: 'SecretRead', message: 'the credentials can be read' }
      : { type: 'CredentialsAvailable', status: 'False', reason: 'SecretNotUsable', message: problem }
  const trouble = [credentials, reachable].find((condition) => condition.status === 'False')
  const ready: NewCondition = trouble
    ? { ...trouble, type: 'Ready' }
    : { type: 'Ready', status: 'True', reason: 'Usable', message: 'grants on this Database can be used' }
  return [credentials, reachable, ready]
}

/** Status and resourceVersion do not concern a sidecar. */
function isSame(a: ResolvedDatabase, b: ResolvedDatabase): boolean {
  const [left, right] = [a, b].map(({ object, ...rest }) => ({ ...rest, uid: object.metadata.uid, spec: object.spec }))
  return isDeepStrictEqual(left, right)
}
