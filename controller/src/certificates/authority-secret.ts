import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { KubeClient } from '../kube/client.ts'
import { isKubeError } from '../kube/errors.ts'
import { isRecord } from '../kube/objects.ts'
import type { KeyPair } from './key-pair.ts'
import { trustBundle, type Authorities } from './plan-rotation.ts'

export interface HeldSecret {
  /** Null: nothing usable in it. */
  readonly authorities: Authorities | null
  readonly resourceVersion: string
}

/**
 * The Secret that keeps authority and serving certificate: `ca.crt` and `ca.key` sign, `next-ca.*` follows,
 * `previous-ca.crt` ends, `tls.*` serves, `bundle.crt` is everyone to trust.
 */
export class AuthoritySecret {
  readonly #client: KubeClient
  readonly #namespace: string
  readonly #name: string

  constructor(client: KubeClient, namespace: string, name: string) {
    this.#client = client
    this.#namespace = namespace
    this.#name = name
  }

  /** @returns null where it does not exist. @throws KubeError */
  async read(): Promise<HeldSecret | null> {
    try {
      const secret = await this.#client.request({ path: `${this.#path}/${this.#name}` })
      return { authorities: parseAuthorities(secret), resourceVersion: versionOf(secret) }
    } catch (error) {
      if (isKubeError(error, 'not-found')) return null
      throw error
    }
  }

  /** @returns false when somebody else has written in the meantime. @throws KubeError */
  async write(authorities: Authorities, resourceVersion: string | null): Promise<boolean> {
    const body = {
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'Opaque',
      metadata: {
        name: this.#name,
        namespace: this.#namespace,
        labels: { 'app.kubernetes.io/managed-by': 'sallyport' },
        ...(resourceVersion === null ? {} : { resourceVersion }),
      },
      data: toData(authorities),
    }
    try {
      if (resourceVersion === null) await this.#client.request({ method: 'POST', path: this.#path, body })
      else await this.#client.request({ method: 'PUT', path: `${this.#path}/${this.#name}`, body })
      return true
    } catch (error) {
      if (isKubeError(error, 'conflict', 'already-exists')) return false
      throw error
    }
  }

  get #path(): string {
    return `/api/v1/namespaces/${this.#namespace}/secrets`
  }
}

function toData(authorities: Authorities): Readonly<Record<string, string>> {
  const { signing, next, previous, serving } = authorities
  const text: Record<string, string> = {
    'ca.crt': signing.cert,
    'ca.key': signing.key,
    'tls.crt': serving.cert,
    'tls.key': serving.key,
    'bundle.crt': trustBundle(authorities),
  }
  if (next) Object.assign(text, { 'next-ca.crt': next.cert, 'next-ca.key': next.key })
  if (previous !== null) text['previous-ca.crt'] = previous
  return Object.fromEntries(Object.entries(text).map(([key, value]) => [key, Buffer.from(value).toString('base64')]))
}

function parseAuthorities(secret: unknown): Authorities | null {
  const data = isRecord(secret) && isRecord(secret.data) ? secret.data : {}
  const text = (key: string): string | null => {
    const value = data[key]
    return typeof value === 'string' ? Buffer.from(value, 'base64').toString() : null
  }
  const signing = keyPair(text('ca.crt'), text('ca.key'))
  const serving = keyPair(text('tls.crt'), text('tls.key'))
  if (!signing || !serving) return null
  return {
    signing,
    serving,
    next: keyPair(text('next-ca.crt'), text('next-ca.key')),
    previous: isCertificate(text('previous-ca.crt')) ? text('previous-ca.crt') : null,
  }
}

function keyPair(cert: string | null, key: string | null): KeyPair | null {
  if (cert === null || key === null) return null
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)) ? { cert, key } : null
  } catch {
    return null
  }
}

function isCertificate(pem: string | null): boolean {
  try {
    return pem !== null && new X509Certificate(pem).raw.length > 0
  } catch {
    return false
  }
}

function versionOf(secret: unknown): string {
  const metadata = isRecord(secret) ? secret.metadata : null
  return isRecord(metadata) && typeof metadata.resourceVersion === 'string' ? metadata.resourceVersion : ''
}
