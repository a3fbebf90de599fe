import { createPrivateKey, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { KeyPair } from './key-pair.ts'

/** What TLS is served with, and by whom it is trusted. */
export interface Served {
  /** `cert`: the leaf first, then what leads to an authority. */
  readonly serving: KeyPair
  /** PEM of the authorities. */
  readonly bundle: string
}

/**
 * Why a client that trusts the bundle, and nothing else, would not talk to who serves this.
 * @param names  DNS names and IP addresses that are dialled.
 * @returns the first problem as a clause, e.g. `its certificate is not good for a.svc`; null: none.
 */
export function servingProblem({ serving, bundle }: Served, names: readonly string[], nowMs: number): string | null {
  const [leaf] = parseCertificates(serving.cert)
  if (!leaf) return 'tls.crt is no certificate'
  if (!hasKey(leaf, serving.key)) return 'tls.key is not the key of the certificate in tls.crt'
  if (parseCertificates(bundle).length === 0) return 'the authority is no certificate'
  if (nowMs >= leaf.validToDate.getTime()) return `its certificate ended at ${leaf.validToDate.toISOString()}`
  if (nowMs < leaf.validFromDate.getTime()) return `its certificate begins at ${leaf.validFromDate.toISOString()}`
  const missing = names.filter((name) => !isGoodFor(leaf, name))
  if (missing.length > 0)
    return `its certificate is not good for ${missing.join(', ')}: add ${missing.length > 1 ? 'them' : 'it'} to the subject alternative names`
  if (!isForServers(leaf)) return 'its certificate is not for servers (extended key usage serverAuth)'
  return isTrusted(serving.cert, bundle, nowMs) ? null : 'its certificate does not lead to the authority'
}

/** @returns whether the chain leads to one of the authorities, by signatures that hold now. */
export function isTrusted(chain: string, bundle: string, nowMs: number): boolean {
  const authorities = parseCertificates(bundle).filter((one) => isCurrent(one, nowMs))
  const [leaf, ...between] = parseCertificates(chain)
  for (let at = leaf, rest = between; at;) {
    const { raw } = at
    if (authorities.some((one) => one.raw.equals(raw))) return true
    const signed = at
    if (authorities.some((one) => isIssuedBy(signed, one))) return true
    at = rest.find((one) => isCurrent(one, nowMs) && isIssuedBy(signed, one))
    const next = at
    rest = rest.filter((one) => one !== next)
  }
  return false
}

/** When the leaf of a chain ends, Unix milliseconds. @throws a TypeError where it is none. */
export function endOf(chain: string): number {
  return new X509Certificate(chain).validToDate.getTime()
}

function parseCertificates(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  return blocks.map(parseCertificate).filter((certificate) => certificate !== null)
}

function parseCertificate(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem)
  } catch {
    return null
  }
}

function hasKey(leaf: X509Certificate, key: string): boolean {
  try {
    return leaf.checkPrivateKey(createPrivateKey(key))
  } catch {
    return false
  }
}

/** By subject alternative names only: the API server does not read common names. */
function isGoodFor(leaf: X509Certificate, name: string): boolean {
  return (isIP(name) === 0 ? leaf.checkHost(name, { subject: 'never' }) : leaf.checkIP(name)) !== undefined
}

const serverAuth = '1.3.6.1.5.5.7.3.1'
const anyUsage = '2.5.29.37.0'

/** The property is the extended key usage, or undefined where the certificate has none. */
function isForServers({ keyUsage }: { readonly keyUsage?: readonly string[] }): boolean {
  return keyUsage === undefined || keyUsage.includes(serverAuth) || keyUsage.includes(anyUsage)
}

function isCurrent(certificate: X509Certificate, nowMs: number): boolean {
  return nowMs >= certificate.validFromDate.getTime() && nowMs < certificate.validToDate.getTime()
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}
