import { X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { classifyTlsError, tlsOptions, tlsServerEndPoint } from './upstream-tls.ts'
import { signedCertificates } from './testing/signed-certificates.ts'

describe('the binding of a channel to its certificate', () => {
  it.each(signedCertificates.map((row) => [row.signature, row] as const))(
    'hashes it as its signature does: %s',
    (signature, { pem, binding }) => {
      const certificate = new X509Certificate(pem)
      expect(certificate.signatureAlgorithm).toBe(signature)
      expect(tlsServerEndPoint(certificate)?.toString('hex') ?? null).toBe(binding)
    },
  )
})

describe('TLS with a server', () => {
  it('is what the Database says', () => {
    expect(tlsOptions({ mode: 'Disable', host: 'db' })).toBeNull()
    expect(tlsOptions({ mode: 'Require', host: 'db' })).toMatchObject({ rejectUnauthorized: false, servername: 'db' })
    expect(tlsOptions({ mode: 'VerifyCA', host: 'db' })?.checkServerIdentity?.('db', {} as never)).toBeUndefined()
    expect(tlsOptions({ mode: 'VerifyFull', ca: 'PEM', host: 'db' })).toMatchObject({
      ca: 'PEM',
      rejectUnauthorized: true,
    })
    expect(tlsOptions({ mode: 'VerifyFull', host: 'db' })).not.toHaveProperty('checkServerIdentity')
    expect(tlsOptions({ mode: 'VerifyFull', host: '10.0.0.1' })).not.toHaveProperty('servername')
  })

  it.each([
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'CertificateNameMismatch'],
    ['CERT_HAS_EXPIRED', 'CertificateExpired'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'CertificateNotTrusted'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'CertificateNotTrusted'],
    ['ECONNRESET', 'TLSFailed'],
  ])('fails with one word for a condition: %s', (code, reason) => {
    expect(classifyTlsError(Object.assign(new TypeError('secret'), { code }))).toMatchObject({
      reason,
      message: expect.not.stringContaining('secret') as unknown,
    })
  })
})
