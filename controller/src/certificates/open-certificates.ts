import type { CertificateContext, Certificates } from '../rooms.ts'
import { keepCertificates } from './keep-certificates.ts'
import { keepOwnAuthority } from './own-authority.ts'
import { publishAuthorities, trustProblem } from './publish-authorities.ts'
import { dialledNames, ownNames } from './serving-names.ts'
import type { Served } from './serving-problem.ts'
import { readTlsSecret } from './tls-secret.ts'

/**
 * Opens the certificate the configuration names: its own, which role `webhook` only reads, cert-manager's, or one from a
 * Secret somebody else keeps. Resolves when there is one to serve with; until then the log says what is missing.
 * @param nowMs  Unix milliseconds.
 * @throws CertificateError
 */
export function openCertificates(context: CertificateContext, nowMs: () => number = Date.now): Promise<Certificates> {
  const { config, client, signal } = context
  const log = context.log.child({ component: 'certificates' })
  const { namespace, tlsSecret, role, certificateSource: source } = config
  const isWebhook = role === 'webhook'
  const isOwn = source === 'own'
  const shared = { client, namespace, name: tlsSecret, nowMs }
  const publish = async ({ bundle }: Served): Promise<null> => {
    await publishAuthorities(client, config.name, bundle)
    return null
  }
  const look = ({ serving }: Served): Promise<string | null> => trustProblem(client, config.name, serving.cert, nowMs())
  return keepCertificates({
    what: `a certificate in the Secret ${namespace}/${tlsSecret}`,
    load:
      isOwn && !isWebhook
        ? async () => ({ kind: 'Found', value: await keepOwnAuthority({ ...shared, names: ownNames(config), log }) })
        : () =>
            readTlsSecret({ ...shared, names: dialledNames(config), authorityKey: isOwn ? 'bundle.crt' : 'ca.crt' }),
    // Of cert-manager's authority its cainjector tells the API server.
    trust: isWebhook || source === 'cert-manager' ? look : publish,
    log,
    signal,
  })
}
