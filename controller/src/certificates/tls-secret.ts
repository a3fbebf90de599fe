import type { KubeClient } from '../kube/client.ts'
import { isKubeError } from '../kube/errors.ts'
import { isRecord } from '../kube/objects.ts'
import type { Look } from '../kube/wait-for.ts'
import { servingProblem, type Served } from './serving-problem.ts'

export interface TlsSecretOptions {
  readonly client: KubeClient
  readonly namespace: string
  readonly name: string
  /** Key of the authorities: `bundle.crt` where the Secret is our own, else `ca.crt`. */
  readonly authorityKey: 'ca.crt' | 'bundle.crt'
  /** What the certificate must be good for. */
  readonly names: readonly string[]
  /** Unix milliseconds. */
  readonly nowMs: () => number
}

/**
 * Reads a certificate somebody else keeps in a Secret.
 * @returns why it cannot be served with, where it cannot.
 * @throws KubeError
 */
export async function readTlsSecret(options: TlsSecretOptions): Promise<Look<Served>> {
  const secret = `the Secret ${options.namespace}/${options.name}`
  const data = await readData(options)
  if (!data) return { kind: 'NotYet', why: `${secret} does not exist` }
  const [cert, key, bundle] = [data.get('tls.crt'), data.get('tls.key'), data.get(options.authorityKey)]
  if (cert === undefined || key === undefined || bundle === undefined) {
    const missing = ['tls.crt', 'tls.key', options.authorityKey].filter((entry) => !data.has(entry))
    return { kind: 'NotYet', why: `${secret} has no ${missing.join(', ')}` }
  }
  const served = { serving: { cert, key }, bundle }
  const problem = servingProblem(served, options.names, options.nowMs())
  return problem === null ? { kind: 'Found', value: served } : { kind: 'NotYet', why: `${secret}: ${problem}` }
}

/** @returns the entries that are not empty, decoded; null where there is no Secret. */
async function readData({ client, namespace, name }: TlsSecretOptions): Promise<ReadonlyMap<string, string> | null> {
  try {
    const secret = await client.request({ path: `/api/v1/namespaces/${namespace}/secrets/${name}` })
    const entries = Object.entries(isRecord(secret) && isRecord(secret.data) ? secret.data : {})
    return new Map(
      entries
        .filter((entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1] !== '')
        .map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]),
    )
  } catch (error) {
    if (isKubeError(error, 'not-found')) return null
    throw error
  }
}
