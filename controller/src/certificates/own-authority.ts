import type { Logger } from 'pino'
import type { KubeClient } from '../kube/client.ts'
import { AuthoritySecret } from './authority-secret.ts'
import { CertificateError } from './errors.ts'
import { trustBundle } from './plan-rotation.ts'
import { rotate } from './rotate.ts'
import type { Served } from './serving-problem.ts'

export interface OwnAuthorityOptions {
  readonly client: KubeClient
  readonly namespace: string
  /** Of the Secret. */
  readonly name: string
  /** What the certificate is good for. */
  readonly names: readonly string[]
  /** Unix milliseconds. */
  readonly nowMs: () => number
  readonly log: Logger
}

/**
 * Keeps an authority and a serving certificate in a Secret: takes every step of their rotation that is due.
 * @throws KubeError when the Secret can neither be read nor written, CertificateError `contended`.
 */
export async function keepOwnAuthority(options: OwnAuthorityOptions): Promise<Served> {
  const { client, namespace, name, names, nowMs, log } = options
  const secret = new AuthoritySecret(client, namespace, name)
  for (let attempt = 0; attempt < 5; attempt++) {
    const found = await secret.read()
    if (found && !found.authorities) log.warn('the Secret with our certificates is not usable; it is written anew')
    const held = found?.authorities ?? null
    const next = await rotate(held, names, nowMs(), (step) => log.info({ step }, 'certificates rotate'))
    const isKept = next === held || (await secret.write(next, found?.resourceVersion ?? null))
    if (isKept) return { serving: next.serving, bundle: trustBundle(next) }
  }
  throw new CertificateError('contended', 'the Secret with our certificates is written by others all the time')
}
