/** What every Kubernetes object has; times stay the strings the API server wrote. */
export interface ObjectMeta {
  readonly name: string
  readonly namespace?: string
  readonly uid: string
  readonly resourceVersion: string
  readonly generation?: number
  readonly creationTimestamp?: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

export interface KubeObject {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: ObjectMeta
}

/** `namespace/name`, or `name` where there is no namespace: the key of caches and queues. */
export function keyOf(object: { readonly metadata: { readonly name: string; readonly namespace?: string } }): string {
  const { namespace, name } = object.metadata
  return namespace === undefined ? name : `${namespace}/${name}`
}

/** Takes a key apart. */
export function splitKey(key: string): { readonly namespace: string | undefined; readonly name: string } {
  const slash = key.indexOf('/')
  return slash < 0
    ? { namespace: undefined, name: key }
    : { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}

/** Checks that a value has the metadata of an object; null where it has not. */
export function parseKubeObject(value: unknown): KubeObject | null {
  if (!isRecord(value) || !isRecord(value.metadata)) return null
  const { name, uid, resourceVersion } = value.metadata
  if (typeof name !== 'string' || typeof uid !== 'string' || typeof resourceVersion !== 'string') return null
  // Half of the object, and nobody here reads it.
  delete value.metadata.managedFields
  return value as unknown as KubeObject
}

/** Narrows unknown JSON to an object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
