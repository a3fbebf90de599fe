// The library's dependency injection needs it.
import 'reflect-metadata'
import { randomBytes, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import type { KeyPair } from './key-pair.ts'

const curve = { name: 'ECDSA', namedCurve: 'P-256' }
const signature = { name: 'ECDSA', hash: 'SHA-256' }
/** Certificates begin in the past: clocks of a cluster differ. */
const backdateMs = 60 * 60_000

/** An authority that signs leaves only (RFC 5280 §4.2.1.9, pathlen 0). */
export async function issueAuthority(name: string, nowMs: number, lifetimeMs: number): Promise<KeyPair> {
  const keys = await webcrypto.subtle.generateKey(curve, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      name: `CN=${name} ${new Date(nowMs).toISOString().slice(0, 10)}, O=Sallyport`,
      ...validity(nowMs, lifetimeMs),
      signingAlgorithm: signature,
      keys,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  )
  return { cert: certificate.toString('pem'), key: await exportKey(keys.privateKey) }
}

/**
 * A server certificate.
 * @param names  DNS names and IP addresses; the first is the common name.
 */
export async function issueServing(
  authority: KeyPair,
  names: readonly string[],
  nowMs: number,
  lifetimeMs: number,
): Promise<KeyPair> {
  const keys = await webcrypto.subtle.generateKey(curve, true, ['sign', 'verify'])
  const issuer = new X509Certificate(authority.cert)
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: serialNumber(),
      issuer: issuer.subjectName,
      subject: `CN=${(names[0] ?? 'sallyport').slice(0, 64)}`,
      ...validity(nowMs, lifetimeMs),
      signingAlgorithm: signature,
      publicKey: keys.publicKey,
      signingKey: await importKey(authority.key),
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension(
          names.map((value) => (isIP(value) === 0 ? { type: 'dns', value } : { type: 'ip', value })),
        ),
        await AuthorityKeyIdentifierExtension.create(issuer, false, webcrypto),
      ],
    },
    webcrypto,
  )
  return { cert: certificate.toString('pem'), key: await exportKey(keys.privateKey) }
}

function validity(nowMs: number, lifetimeMs: number): { readonly notBefore: Date; readonly notAfter: Date } {
  return { notBefore: new Date(nowMs - backdateMs), notAfter: new Date(nowMs + lifetimeMs) }
}

/** Positive, 16 bytes (RFC 5280 §4.1.2.2). */
function serialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01
  return bytes.toString('hex')
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')
}

async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const [der] = PemConverter.decode(pem)
  return webcrypto.subtle.importKey('pkcs8', der ?? new ArrayBuffer(0), curve, false, ['sign'])
}
