import type { DatabaseObject, GrantObject, PolicyObject } from '../grants/objects.ts'
import { isRecord, type KubeObject } from '../kube/objects.ts'

/**
 * The API server has checked these objects against the CRDs' schemas; what is checked here is what those who read them
 * dereference without asking.
 */
export function parseGrant(object: KubeObject): GrantObject | null {
  const spec = 'spec' in object && isRecord(object.spec) ? object.spec : null
  if (!spec || !isRecord(spec.subject) || !isRecord(spec.databaseRef) || !Array.isArray(spec.permissions)) return null
  return object as unknown as GrantObject
}

/** See {@link parseGrant}. */
export function parseDatabase(object: KubeObject): DatabaseObject | null {
  const spec = 'spec' in object && isRecord(object.spec) ? object.spec : null
  if (!spec || !Array.isArray(spec.databases) || !isRecord(spec.credentials) || typeof spec.host !== 'string')
    return null
  return object as unknown as DatabaseObject
}

/** See {@link parseGrant}; items of a list carry no kind, so it is set. */
export function parsePolicy(kind: PolicyObject['kind']): (object: KubeObject) => PolicyObject | null {
  return (object) => {
    const spec = 'spec' in object && isRecord(object.spec) ? object.spec : null
    if (!spec || typeof spec.rego !== 'string') return null
    return { ...object, kind } as unknown as PolicyObject
  }
}
