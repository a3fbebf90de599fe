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
 * with SHA-256 in place of MD5 and SHA-1. Null where the signature has no hash of its own (Ed25519).
 */
export function tlsServerEndPoint(certificate: X509Certificate): Buffer | null {
  const algorithm = signatureHash(certificate.signatureAlgorithm ?? '')
  return algorithm === null ? null : createHash(algorithm).update(certificate.raw).digest()
}

/** Names as OpenSSL gives them: `sha256WithRSAEncryption`, `ecdsa-with-SHA384`. */
function signatureHash(name: string): string | null {
  const match = /sha-?(1|224|256|384|512)/i.exec(name)
  if (match) return match[1] === '1' ? 'sha256' : `sha${match[1] ?? ''}`
  return /md5/i.test(name) ? 'sha256' : null
}
