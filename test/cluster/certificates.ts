// The library's dependency injection needs it.
import 'reflect-metadata'
import { randomBytes, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'

const signing = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const notBefore = new Date(Date.now() - 3_600_000)
const notAfter = new Date(Date.now() + 30 * 86_400_000)

/** PEM. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

export interface Authority extends Certificate {
  /** A certificate for a server with these names and addresses, and for a client that is this subject. */
  readonly issue: (subject: string, names: readonly string[]) => Promise<Certificate>
}

/** A certificate authority of this run. */
export async function makeAuthority(name: string): Promise<Authority> {
  const keys = await newKeys()
  const root = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      name: `CN=${name}`,
      notBefore,
      notAfter,
      signingAlgorithm: signing,
      keys,
      extensions: [
        new BasicConstraintsExtension(true, undefined, true),
        new KeyUsagesExtension(
          KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign | KeyUsageFlags.digitalSignature,
          true,
        ),
      ],
    },
    webcrypto,
  )
  const issue = async (subject: string, names: readonly string[]): Promise<Certificate> => {
    const own = await newKeys()
    const san = names.map((value) =>
      isIP(value) === 0 ? ({ type: 'dns', value } as const) : ({ type: 'ip', value } as const),
    )
    const certificate = await X509CertificateGenerator.create(
      {
        serialNumber: serialNumber(),
        issuer: root.subjectName,
        subject,
        notBefore,
        notAfter,
        signingAlgorithm: signing,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        extensions: [
          new BasicConstraintsExtension(false, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
          new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
          ...(san.length > 0 ? [new SubjectAlternativeNameExtension(san)] : []),
        ],
      },
      webcrypto,
    )
    return { cert: certificate.toString('pem'), key: await pem(own.privateKey) }
  }
  return { cert: root.toString('pem'), key: await pem(keys.privateKey), issue }
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(signing, true, ['sign', 'verify'])
}

async function pem(key: webcrypto.CryptoKey): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')
}

/** Positive, 16 bytes. */
function serialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01
  return bytes.toString('hex')
}
