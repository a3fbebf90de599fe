import { isRecord, type KubeObject } from '../kube/objects.ts'

/** An object at admission: it may not have a UID or a resourceVersion yet. */
export function parseKubeLike(value: unknown): KubeObject | null {
  if (!isRecord(value)) return null
  const { uid = '', resourceVersion = '', name = '', ...rest } = isRecord(value.metadata) ? value.metadata : {}
  return { ...value, metadata: { ...rest, name, uid, resourceVersion } } as unknown as KubeObject
}
