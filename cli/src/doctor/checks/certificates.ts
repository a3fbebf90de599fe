import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { Check } from '../check.ts'
import type { Cluster } from '../cluster.ts'
import { isClusterError } from '../errors.ts'
import { parseChain, parsePem } from '../facts/pem.ts'
import type { Release } from '../facts/release.ts'
import type { WebhookFacts } from '../facts/webhooks.ts'
import type { Finding } from '../finding.ts'
import { textAt } from '../shape.ts'
import type { Target } from '../target.ts'
import { duration } from '../text.ts'

/** What webhook and streams serve is what the API server trusts, good for the names it is called by, and not near its end. */
export const certificatesCheck: Check = {
  id: 'certificates',
  group: 'Release',
  needsRelease: true,
  run: async (survey) => {
    const release = await survey.release()
    const webhooks = await survey.webhooks()
    const name = (release.webhook ?? release.controller)?.flags['tls-secret'] ?? `${release.name}-tls`
    const secret = await readSecret(survey.cluster, { ...secrets, namespace: release.namespace, name })
    const key = `${release.namespace}/${name}`
    if (secret.kind === 'Hidden')
      return { result: 'Skipped', message: `the Secret ${key} may not be read, so the certificate is not known`, right: secret.right } // prettier-ignore
    if (secret.kind === 'Absent') return { result: 'Failed', message: `the Secret ${key} is not there`, fix: sourceFix(release) } // prettier-ignore
    return judgeCertificates(servedCertificate(secret.serving, release, webhooks), survey.nowMs())
  },
}

const secrets = { group: '', version: 'v1', resource: 'secrets' } as const

type SecretFact =
  | { readonly kind: 'Read'; readonly serving: string }
  | { readonly kind: 'Absent' }
  | { readonly kind: 'Hidden'; readonly right: string }

/** Of the Secret nothing but the certificate is kept. @throws ClusterError */
async function readSecret(cluster: Cluster, target: Target): Promise<SecretFact> {
  try {
    const secret = await cluster.find(target)
    if (secret === null) return { kind: 'Absent' }
    return { kind: 'Read', serving: Buffer.from(textAt(secret, 'data', 'tls.crt'), 'base64').toString() }
  } catch (error) {
    if (isClusterError(error, 'missing-right')) return { kind: 'Hidden', right: error.right ?? '' }
    throw error
  }
}

export interface ServedCertificate {
  /** PEM, the certificate first. */
  readonly serving: string
  /** Whom the API server trusts, by the webhook that says so. */
  readonly trusted: readonly { readonly webhook: string; readonly bundle: string }[]
  /** What it is called by. */
  readonly hosts: readonly string[]
  readonly fix: string
}

function servedCertificate(
  serving: string,
  release: Release,
  { mutating, validating }: WebhookFacts,
): ServedCertificate {
  // prettier-ignore
  const webhooks = [...(mutating ?? []), ...(validating ?? [])]
  const url = release.controller?.flags['controller-url']
  const stream = url !== undefined && URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, '') : `${release.name}-controller.${release.namespace}.svc` // prettier-ignore
  return {
    serving,
    trusted: webhooks.map(({ name, caBundle }) => ({ webhook: name, bundle: caBundle })),
    hosts: [...new Set([...webhooks.map(({ host }) => host), stream])],
    fix: sourceFix(release),
  }
}

function sourceFix({ webhook, controller, namespace, name }: Release): string {
  const source = (controller ?? webhook)?.flags['certificate-source']
  if (source === 'cert-manager')
    return `kubectl describe certificate -n ${namespace}; cert-manager makes it, its cainjector sets caBundle`
  if (source === 'secret') return 'renew the Secret you gave (certificates.secretName)'
  return `see the log of ${name}-controller, which makes it; to start anew delete the Secret, then restart enrolled pods`
}

/** @param nowMs  Unix milliseconds. */
export function judgeCertificates({ serving, trusted, hosts, fix }: ServedCertificate, nowMs: number): Finding {
  const chain = parseChain(serving)
  const [leaf] = chain
  if (!leaf) return { result: 'Failed', message: 'the Secret holds no certificate in tls.crt', fix }
  const problems = [
    ...timeProblems(leaf, nowMs),
    ...hosts.filter((host) => !names(leaf, host)).map((host) => `it is not good for ${host}`),
    ...trustProblems(chain, trusted, nowMs),
  ]
  if (problems.length > 0) return { result: 'Failed', message: 'the certificate is not good', items: problems, fix }
  const leftMs = leaf.validToDate.getTime() - nowMs
  const until = leaf.validToDate.toISOString().slice(0, 10)
  if (leftMs < lifeMs(leaf) / 5) {
    return { result: 'Warning', message: `the certificate ends in ${duration(leftMs)}, on ${until}, and was not renewed`, fix } // prettier-ignore
  }
  return { result: 'Ok', message: `the certificate is trusted, good for ${hosts.join(', ')}, until ${until}` }
}

/** Whoever renews, the controller or cert-manager, does so while a third of it is left. */
function lifeMs(certificate: X509Certificate): number {
  return certificate.validToDate.getTime() - certificate.validFromDate.getTime()
}

function timeProblems({ validFromDate, validToDate }: X509Certificate, nowMs: number): readonly string[] {
  if (nowMs >= validToDate.getTime()) return [`it ended ${duration(nowMs - validToDate.getTime())} ago`]
  if (nowMs < validFromDate.getTime()) return [`it begins in ${duration(validFromDate.getTime() - nowMs)}`]
  return []
}

function names(certificate: X509Certificate, host: string): boolean {
  return (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined
}

function trustProblems(
  chain: readonly X509Certificate[],
  trusted: ServedCertificate['trusted'],
  nowMs: number,
): readonly string[] {
  const verdicts = new Map<string, readonly string[]>()
  for (const { webhook, bundle } of trusted) verdicts.set(bundle, [...(verdicts.get(bundle) ?? []), webhook])
  return [...verdicts].flatMap(([bundle, webhooks]) => {
    if (bundle === '') return [`${webhooks.join(', ')}: caBundle is not set`]
    const authorities = parsePem(bundle).filter((one) => nowMs < one.validToDate.getTime())
    return leadsTo(chain, authorities) ? [] : [`${webhooks.join(', ')}: caBundle does not trust it`]
  })
}

/** Whether the chain, beginning with its first, ends at one of the authorities. */
function leadsTo(chain: readonly X509Certificate[], authorities: readonly X509Certificate[]): boolean {
  for (const [index, certificate] of chain.entries()) {
    if (authorities.some((one) => isIssuer(one, certificate))) return true
    const next = chain[index + 1]
    if (!next || !isIssuer(next, certificate)) return false
  }
  return false
}

function isIssuer(authority: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey)
}
