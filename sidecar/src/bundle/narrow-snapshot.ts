import type { Snapshot } from '@sallyport/crds'

/**
 * The current snapshot without the access that the next one takes away.
 *
 * A snapshot can wait for its policies; an end cannot. So until the next one is complete, what it no longer grants is
 * gone, what it shortens is shorter, and a Database that it no longer binds cannot be used; nothing is added.
 */
export function narrowSnapshot(current: Snapshot, next: Snapshot): Snapshot {
  const kept = new Map(next.grants.map((grant) => [grant.uid, grant]))
  const bound = new Set(next.databases.map((database) => `${database.namespace}/${database.name}`))
  return {
    ...current,
    databases: current.databases.filter((database) => bound.has(`${database.namespace}/${database.name}`)),
    grants: current.grants.flatMap((grant) => {
      const successor = kept.get(grant.uid)
      if (!successor || !bound.has(`${grant.database.namespace}/${grant.database.name}`)) return []
      return [{ ...grant, expiresAtMs: Math.min(grant.expiresAtMs, successor.expiresAtMs) }]
    }),
  }
}
