import { createHash, type X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { TlsMode } from '@sallyport/crds'

export interface UpstreamTls {
  readonly mode: TlsMode
  /** PEM; absent: the system's authorities. */
  readonly ca?: string
  readonly host: string
}

/**
 * Options of the upstream's TLS, null where none is asked for. `Require` encrypts without looking at the certificate,
 * `VerifyCA` checks its chain, `VerifyFull` its chain and its name (libpq's sslmode of the same names).
 */
export function tlsOptions({ mode, ca, host }: UpstreamTls): ConnectionOptions | null {
  if (mode === 'Disable') return null
  return {
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['postgresql'],
    rejectUnauthorized: mode !== 'Require',
    ...(ca === undefined ? {} : { ca }),
    ...(isIP(host) ? { host } : { servername: host, host }),
    ...(mode === 'VerifyFull' ? {} : { checkServerIdentity: () => undefined }),
  }
}

/** One CamelCase word for a condition and one sentence without secrets. */
export function classifyTlsError(cause: unknown): { readonly reason: string; readonly message: string } {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return {
      reason: 'CertificateNameMismatch',
      message: 'the certificate of the server is for another name than Database.spec.host',
    }
  if (code === 'CERT_HAS_EXPIRED')
    return { reason: 'CertificateExpired', message: 'the certificate of the server has expired' }
  if (/CERT|SIGNATURE|ISSUER/.test(code))
    return {
      reason: 'CertificateNotTrusted',
      message: `the certificate of the server is not trusted (${code}); see Database.spec.tls.caSecretRef`,
    }
  return { reason: 'TLSFailed', message: `TLS with the server failed (${code === '' ? 'handshake' : code})` }
}

/**
 * Channel binding data `tls-server-end-point` (RFC 5929, 4.1): the hash of the certificate by its own signature's hash,
 * with SHA-256 in place of MD5 and SHA-1. Null where the RFC does not say which (Ed25519) or the name of the signature does not
 * (RSA-PSS): such a server is logged in to without the binding.
 */
export function tlsServerEndPoint(certificate: X509Certificate): Buffer | null {
  const algorithm = signatureHashes.get(certificate.signatureAlgorithmOid)
  return algorithm === undefined ? null : createHash(algorithm).update(certificate.raw).digest()
}

/** By the signature's OID (RFC 8017, A.2.4; RFC 5758, 3.2). */
const signatureHashes: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.1.1.4', 'sha256'], // md5WithRSAEncryption
  ['1.2.840.113549.1.1.5', 'sha256'], // sha1WithRSAEncryption
  ['1.2.840.113549.1.1.14', 'sha224'],
  ['1.2.840.113549.1.1.11', 'sha256'],
  ['1.2.840.113549.1.1.12', 'sha384'],
  ['1.2.840.113549.1.1.13', 'sha512'],
  ['1.2.840.113549.1.1.15', 'sha512-224'],
  ['1.2.840.113549.1.1.16', 'sha512-256'],
  ['1.2.840.10045.4.1', 'sha256'], // ecdsa-with-SHA1
  ['1.2.840.10045.4.3.1', 'sha224'],
  ['1.2.840.10045.4.3.2', 'sha256'],
  ['1.2.840.10045.4.3.3', 'sha384'],
  ['1.2.840.10045.4.3.4', 'sha512'],
])
