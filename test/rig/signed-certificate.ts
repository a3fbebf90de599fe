// The library's dependency injection needs it.
import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { PemConverter, SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509'

/** Key and hash that a certificate is signed with. */
const signatures = {
  'ECDSA-SHA384': { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-384' },
  'RSA-SHA512': { ...rsa('RSASSA-PKCS1-v1_5'), hash: 'SHA-512' },
  'RSA-PSS-SHA256': { ...rsa('RSA-PSS'), hash: 'SHA-256', saltLength: 32 },
  Ed25519: { name: 'Ed25519' },
} as const

export type SignatureKind = keyof typeof signatures

/** A certificate of 127.0.0.1 that is its own authority, PEM. */
export async function issueCertificate(kind: SignatureKind): Promise<{ readonly cert: string; readonly key: string }> {
  const algorithm = signatures[kind]
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: '01',
      name: 'CN=db',
      notBefore: new Date(Date.now() - 3_600_000),
      notAfter: new Date(Date.now() + 86_400_000),
      signingAlgorithm: algorithm,
      keys,
      extensions: [new SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }])],
    },
    webcrypto,
  )
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  return { cert: certificate.toString('pem'), key: PemConverter.encode(key, 'PRIVATE KEY') }
}

function rsa<Name extends string>(name: Name) {
  return { name, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) }
}
