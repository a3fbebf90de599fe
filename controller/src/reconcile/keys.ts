import { createHmac, randomBytes } from 'node:crypto'
import type { KubeClient } from '../kube/client.ts'
import { isKubeError, KubeError } from '../kube/errors.ts'
import { isRecord } from '../kube/objects.ts'

/**
 * The key that every Database's key for `Hash` masks is derived from. It lives in a Secret of the controller's own
 * namespace, made once, so that hashes stay what they were over restarts.
 * @throws KubeError when it can neither be read nor made.
 */
export async function ensureMasterKey(client: KubeClient, namespace: string, name: string): Promise<Buffer> {
  const path = `/api/v1/namespaces/${namespace}/secrets`
  const held = await readMasterKey(client, namespace, name)
  if (held) return held
  const body = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace, labels: { 'app.kubernetes.io/managed-by': 'sallyport' } },
    type: 'Opaque',
    data: { [entry]: randomBytes(32).toString('base64') },
  }
  try {
    await client.request({ method: 'POST', path, body })
  } catch (error) {
    if (!isKubeError(error, 'already-exists')) throw error
  }
  const made = await readMasterKey(client, namespace, name)
  if (!made) throw new KubeError('malformed', `the Secret ${namespace}/${name} has no usable ${entry}`)
  return made
}

/** Base64 of the 32 bytes that a Database's `Hash` masks are keyed with. */
export function hashKeyOf(masterKey: Buffer, databaseUid: string): string {
  return createHmac('sha256', masterKey).update(`hash-mask\0${databaseUid}`).digest('base64')
}

const entry = 'hash.key'

/** @returns null where the Secret does not exist or has no usable key. @throws KubeError */
export async function readMasterKey(client: KubeClient, namespace: string, name: string): Promise<Buffer | null> {
  try {
    const secret = await client.request({ path: `/api/v1/namespaces/${namespace}/secrets/${name}` })
    const data = isRecord(secret) && isRecord(secret.data) ? secret.data[entry] : undefined
    const key = typeof data === 'string' ? Buffer.from(data, 'base64') : null
    return key?.length === 32 ? key : null
  } catch (error) {
    if (isKubeError(error, 'not-found')) return null
    throw error
  }
}
