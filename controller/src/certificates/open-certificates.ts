import type { Logger } from 'pino'
import type { CertificateContext, Certificates } from '../rooms.ts'
import { AuthoritySecret } from './authority-secret.ts'
import { CertificateError } from './errors.ts'
import { trustBundle, type Authorities } from './plan-rotation.ts'
import { publishAuthorities } from './publish-authorities.ts'
import { rotate } from './rotate.ts'
import { ownNames } from './serving-names.ts'

/** How often Secret and webhook configurations are looked at: an upgrade of the release may have reset them. */
const checkMs = 30_000

/**
 * Keeps an authority and a serving certificate in a Secret and tells the API server of it.
 * @param nowMs  Unix milliseconds.
 * @throws KubeError when the Secret can neither be read nor written, CertificateError.
 */
export async function openCertificates(
  { config, client, log: parent }: Pick<CertificateContext, 'config' | 'client' | 'log'>,
  nowMs: () => number = Date.now,
): Promise<Certificates> {
  const log = parent.child({ component: 'certificates' })
  const secret = new AuthoritySecret(client, config.namespace, config.tlsSecret)
  const names = ownNames(config)
  const renew = (): Promise<Authorities> => keepCurrent(secret, names, nowMs, log)
  const subscribers = new Set<() => void>()
  let held = await renew()
  let published = false
  const publish = async (): Promise<void> => {
    try {
      await publishAuthorities(client, config.name, trustBundle(held))
      if (!published) log.info('the API server knows whom to trust')
      published = true
    } catch (err) {
      published = false
      log.warn({ err }, 'the webhook configurations cannot be given our authority')
    }
  }
  const check = async (): Promise<void> => {
    const next = await renew()
    const isChanged = next.serving.cert !== held.serving.cert || trustBundle(next) !== trustBundle(held)
    held = next
    await publish()
    if (isChanged) for (const changed of subscribers) changed()
  }
  await publish()
  let running: Promise<void> | null = null
  const timer = setInterval(() => {
    running ??= check()
      .catch((err: unknown) => log.warn({ err }, 'the certificates cannot be checked'))
      .finally(() => {
        running = null
      })
  }, checkMs)
  return {
    current: () => held.serving,
    caBundle: () => trustBundle(held),
    isPublished: () => published,
    subscribe: (changed) => {
      subscribers.add(changed)
    },
    close: async () => {
      clearInterval(timer)
      await running
    },
  }
}

async function keepCurrent(
  secret: AuthoritySecret,
  names: readonly string[],
  nowMs: () => number,
  log: Logger,
): Promise<Authorities> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const found = await secret.read()
    if (found && !found.authorities) log.warn('the Secret with our certificates is not usable; it is written anew')
    const held = found?.authorities ?? null
    const next = await rotate(held, names, nowMs(), (step) => log.info({ step }, 'certificates rotate'))
    if (next === held || (await secret.write(next, found?.resourceVersion ?? null))) return next
  }
  throw new CertificateError('contended', 'the Secret with our certificates is written by others all the time')
}
