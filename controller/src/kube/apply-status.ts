import { isDeepStrictEqual } from 'node:util'
import type { KubeClient } from './client.ts'
import type { KubeObject } from './objects.ts'

export interface StatusTarget {
  readonly apiVersion: string
  readonly kind: string
  /** Plural, e.g. `accessgrants`. */
  readonly resource: string
}

/** Path of one object of a group. */
export function objectPath(target: StatusTarget, name: string, namespace: string | undefined): string {
  const scope = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`
  return `/apis/${target.apiVersion}${scope}/${target.resource}/${encodeURIComponent(name)}`
}

/**
 * Writes the whole status by server-side apply, if it differs from what the object carries. The write holds only for the
 * very object that was read: with another uid or, since the state was decided on, another resourceVersion it conflicts.
 * @returns the object after the write; null: nothing to write.
 * @throws KubeError `conflict` when the object has changed meanwhile, `not-found` when it is gone.
 */
export async function applyStatus(
  client: KubeClient,
  target: StatusTarget,
  object: KubeObject & { readonly status?: unknown },
  status: object,
): Promise<unknown> {
  const plain: unknown = JSON.parse(JSON.stringify(status))
  if (isDeepStrictEqual(object.status, plain)) return null
  const { name, namespace, uid, resourceVersion } = object.metadata
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion }
  const body = { apiVersion: target.apiVersion, kind: target.kind, metadata, status: plain }
  return client.apply(`${objectPath(target, name, namespace)}/status`, body)
}
