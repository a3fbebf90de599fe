import type { DatabaseObject } from '../grants/objects.ts'
import type { KubeClient } from '../kube/client.ts'
import { isKubeError } from '../kube/errors.ts'
import { isRecord } from '../kube/objects.ts'

export interface DatabaseSecrets {
  readonly credentials: { readonly username: string; readonly password: string } | null
  /** PEM. */
  readonly ca: string | null
  /** One sentence with field and fix, free of secrets; null: all that is named was read. */
  readonly problem: string | null
}

/**
 * Reads what a Database names: its login and the CA of its server.
 * @throws KubeError when the API server cannot be asked; a Secret that is absent or forbidden is a `problem`.
 */
export async function readDatabaseSecrets(client: KubeClient, database: DatabaseObject): Promise<DatabaseSecrets> {
  const namespace = database.metadata.namespace ?? ''
  const { credentials, tls } = database.spec
  if (!credentials.static) return { credentials: null, ca: null, problem: onlyStatic }
  const login = await readSecret(client, namespace, credentials.static.secretRef.name)
  const field = 'spec.credentials.static.secretRef'
  if (typeof login === 'string') return { credentials: null, ca: null, problem: `${login} (${field})` }
  const [username, password] = [login.get('username'), login.get('password')]
  if (username === undefined || password === undefined) {
    const problem = `the Secret ${namespace}/${credentials.static.secretRef.name} needs the keys username and password (${field})`
    return { credentials: null, ca: null, problem }
  }
  if (!tls?.caSecretRef) return { credentials: { username, password }, ca: null, problem: null }
  const { name, key = 'ca.crt' } = tls.caSecretRef
  const bundle = await readSecret(client, namespace, name)
  if (typeof bundle === 'string') return { credentials: null, ca: null, problem: `${bundle} (spec.tls.caSecretRef)` }
  const ca = bundle.get(key)
  if (ca === undefined) {
    const problem = `the Secret ${namespace}/${name} has no key ${key} (spec.tls.caSecretRef)`
    return { credentials: null, ca: null, problem }
  }
  return { credentials: { username, password }, ca, problem: null }
}

const onlyStatic = 'only static credentials can be used by this release (spec.credentials.static)'

/** @returns the values, decoded; or why there are none. */
async function readSecret(
  client: KubeClient,
  namespace: string,
  name: string,
): Promise<ReadonlyMap<string, string> | string> {
  try {
    const secret = await client.request({ path: `/api/v1/namespaces/${namespace}/secrets/${encodeURIComponent(name)}` })
    const values = new Map<string, string>()
    for (const [key, value] of Object.entries(isRecord(secret) && isRecord(secret.data) ? secret.data : {})) {
      if (typeof value === 'string') values.set(key, Buffer.from(value, 'base64').toString('utf8'))
    }
    return values
  } catch (error) {
    if (isKubeError(error, 'not-found')) return `there is no Secret ${namespace}/${name}`
    if (isKubeError(error, 'forbidden')) return `the controller may not read the Secret ${namespace}/${name}`
    throw error
  }
}
