import type { Logger } from 'pino'
import type { DatabaseObject, GrantObject, PolicyObject } from '../grants/objects.ts'
import type { KubeClient } from '../kube/client.ts'
import type { KubeObject } from '../kube/objects.ts'
import { ResourceCache, type CacheMetrics } from '../kube/resource-cache.ts'
import { databaseKind, grantKind, policyKinds } from './kinds.ts'
import { parseDatabase, parseGrant, parsePolicy } from './parse-objects.ts'

/** Everything the controller watches. */
export interface Caches {
  /** Indexes `namespace` and `database` (`namespace/name`). */
  readonly grants: ResourceCache<GrantObject>
  readonly databases: ResourceCache<DatabaseObject>
  readonly accessPolicies: ResourceCache<PolicyObject>
  readonly clusterPolicies: ResourceCache<PolicyObject>
  /** Metadata only. */
  readonly namespaces: ResourceCache<KubeObject>
  /** Metadata only. Index `namespace`. */
  readonly pods: ResourceCache<KubeObject>
}

/** What admission reads. */
export type AdmissionCaches = Pick<Caches, 'databases' | 'accessPolicies' | 'namespaces'>

export type RunnableCache = Pick<
  ResourceCache<KubeObject>,
  'resource' | 'run' | 'hasSynced' | 'whenSynced' | 'stalenessSeconds'
>

/** Makes the caches; `run` each of them. */
export function createCaches(client: KubeClient, log: Logger, metrics: CacheMetrics): Caches {
  const shared = { client, log, metrics }
  const path = (resource: string): string => `/apis/${grantKind.apiVersion}/${resource}`
  const metadata = <T>(object: T): T => object
  return {
    grants: new ResourceCache({
      ...shared,
      resource: grantKind.resource,
      path: path(grantKind.resource),
      parse: parseGrant,
      indexes: { namespace: (grant) => [grant.metadata.namespace ?? ''], database: (grant) => [databaseKeyOf(grant)] },
    }),
    databases: new ResourceCache({
      ...shared,
      resource: databaseKind.resource,
      path: path(databaseKind.resource),
      parse: parseDatabase,
    }),
    accessPolicies: new ResourceCache({
      ...shared,
      resource: policyKinds.AccessPolicy.resource,
      path: path(policyKinds.AccessPolicy.resource),
      parse: parsePolicy('AccessPolicy'),
    }),
    clusterPolicies: new ResourceCache({
      ...shared,
      resource: policyKinds.ClusterAccessPolicy.resource,
      path: path(policyKinds.ClusterAccessPolicy.resource),
      parse: parsePolicy('ClusterAccessPolicy'),
    }),
    namespaces: new ResourceCache({
      ...shared,
      resource: 'namespaces',
      path: '/api/v1/namespaces',
      parse: metadata<KubeObject>,
      metadataOnly: true,
    }),
    pods: new ResourceCache({
      ...shared,
      resource: 'pods',
      path: '/api/v1/pods',
      parse: metadata<KubeObject>,
      metadataOnly: true,
      indexes: { namespace: (pod) => [pod.metadata.namespace ?? ''] },
    }),
  }
}

/** Every cache, as what runs and watches them sees it. */
export function eachCache(caches: Caches): readonly RunnableCache[] {
  const { grants, databases, accessPolicies, clusterPolicies, namespaces, pods } = caches
  return [grants, databases, accessPolicies, clusterPolicies, namespaces, pods]
}

/** See {@link eachCache}. */
export function eachAdmissionCache({
  databases,
  accessPolicies,
  namespaces,
}: AdmissionCaches): readonly RunnableCache[] {
  return [databases, accessPolicies, namespaces]
}

/** Every policy there is. */
export function allPolicies(caches: Pick<Caches, 'accessPolicies' | 'clusterPolicies'>): readonly PolicyObject[] {
  return [...caches.accessPolicies.list(), ...caches.clusterPolicies.list()]
}

/** Key of the Database a grant names. */
export function databaseKeyOf(grant: GrantObject): string {
  const { databaseRef } = grant.spec
  return `${databaseRef.namespace ?? grant.metadata.namespace ?? ''}/${databaseRef.name}`
}
