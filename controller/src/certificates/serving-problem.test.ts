import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer } from 'node:tls'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
  type Extension,
} from '@peculiar/x509'
import { beforeAll, describe, expect, it } from 'vitest'
import { issueAuthority, issueServing } from './issue.ts'
import type { KeyPair } from './key-pair.ts'
import { isTrusted, servingProblem } from './serving-problem.ts'

const day = 86_400_000
const now = Date.now()
const name = 'sallyport-webhook.sallyport-system.svc'
const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }

interface Issued {
  readonly pem: string
  readonly key: string
  readonly subject: string
  readonly keys: webcrypto.CryptoKeyPair
}

/** A certificate of any kind; `issuer` null: signed by itself. */
async function issue(subject: string, issuer: Issued | null, extensions: readonly Extension[]): Promise<Issued> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.create(
    {
      subject: `CN=${subject}`,
      issuer: `CN=${issuer?.subject ?? subject}`,
      notBefore: new Date(now - day),
      notAfter: new Date(now + day),
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
      publicKey: keys.publicKey,
      signingKey: (issuer?.keys ?? keys).privateKey,
      extensions: [
        ...extensions,
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
        await AuthorityKeyIdentifierExtension.create((issuer?.keys ?? keys).publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  )
  const key = PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY')
  return { pem: certificate.toString('pem'), key, subject, keys }
}

const isAuthority = new BasicConstraintsExtension(true, undefined, true)
const names = new SubjectAlternativeNameExtension([{ type: 'dns', value: name }])

let authority: KeyPair
let serving: KeyPair
beforeAll(async () => {
  authority = await issueAuthority('test', now, 30 * day)
  serving = await issueServing(authority, [name, '127.0.0.1'], now, 10 * day)
})

describe('servingProblem', () => {
  it('has nothing against a certificate of the authority that is good for every name', () => {
    expect(servingProblem({ serving, bundle: authority.cert }, [name, '127.0.0.1'], now)).toBeNull()
  })

  it('names the names that are missing, and does not read the common name', async () => {
    expect(servingProblem({ serving, bundle: authority.cert }, [name, 'other.svc'], now)).toBe(
      'its certificate is not good for other.svc: add it to the subject alternative names',
    )
    expect(servingProblem({ serving, bundle: authority.cert }, ['a.svc', '10.0.0.1'], now)).toBe(
      'its certificate is not good for a.svc, 10.0.0.1: add them to the subject alternative names',
    )
    const root = await issue('root', null, [isAuthority])
    const nameless = await issue(name, root, [])
    const served = { serving: { cert: nameless.pem, key: nameless.key }, bundle: root.pem }
    expect(servingProblem(served, [name], now)).toContain(`is not good for ${name}`)
  })

  it('tells what else is wrong', async () => {
    const other = await issueServing(authority, [name], now, day)
    const stranger = await issueAuthority('stranger', now, day)
    const problems = (change: Partial<KeyPair>, bundle = authority.cert, nowMs = now): string | null =>
      servingProblem({ serving: { ...serving, ...change }, bundle }, [name], nowMs)
    expect(problems({ cert: 'nothing' })).toBe('tls.crt is no certificate')
    expect(problems({ key: other.key })).toBe('tls.key is not the key of the certificate in tls.crt')
    expect(problems({ key: 'nothing' })).toBe('tls.key is not the key of the certificate in tls.crt')
    expect(problems({}, 'nothing')).toBe('the authority is no certificate')
    expect(problems({}, authority.cert, now + 11 * day)).toContain('its certificate ended at')
    expect(problems({}, authority.cert, now - day)).toContain('its certificate begins at')
    expect(problems({}, stranger.cert)).toBe('its certificate does not lead to the authority')
  })

  it('refuses a certificate for clients only', async () => {
    const root = await issue('root', null, [isAuthority])
    const forClients = new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth])
    const client = await issue(name, root, [names, forClients])
    const served = { serving: { cert: client.pem, key: client.key }, bundle: root.pem }
    expect(servingProblem(served, [name], now)).toContain('not for servers')
  })
})

describe('isTrusted', () => {
  it('agrees with TLS on every chain', async () => {
    const root = await issue('root', null, [isAuthority])
    const impostor = await issue('root', null, [isAuthority])
    const between = await issue('between', root, [isAuthority])
    const noAuthority = await issue('no authority', root, [])
    const leaf = await issue('leaf', between, [names])
    const forged = await issue('leaf', noAuthority, [names])
    const alone = await issue('alone', null, [names])
    const cases = [
      { name: 'a chain', leaf, chain: [between], roots: [root], isTrusted: true },
      { name: 'two authorities of one name', leaf, chain: [between], roots: [impostor, root], isTrusted: true },
      { name: 'a chain with a hole', leaf, chain: [], roots: [root], isTrusted: false },
      { name: 'an authority of the right name', leaf, chain: [between], roots: [impostor], isTrusted: false },
      { name: 'a signer that may not sign', leaf: forged, chain: [noAuthority], roots: [root], isTrusted: false },
      { name: 'itself', leaf: alone, chain: [], roots: [alone], isTrusted: true },
      { name: 'nobody', leaf: alone, chain: [], roots: [root], isTrusted: false },
    ]
    for (const one of cases) {
      const chain = [one.leaf, ...one.chain].map(({ pem }) => `${pem}\n`).join('')
      const bundle = one.roots.map(({ pem }) => `${pem}\n`).join('')
      expect(isTrusted(chain, bundle, now), one.name).toBe(one.isTrusted)
      expect(await isTrustedByTls({ cert: chain, key: one.leaf.key }, bundle), one.name).toBe(one.isTrusted)
    }
  })

  it('does not trust an authority that has ended', async () => {
    const brief = await issueAuthority('brief', now, day)
    const long = await issueServing(brief, [name], now, 10 * day)
    expect(isTrusted(long.cert, brief.cert, now)).toBe(true)
    expect(isTrusted(long.cert, brief.cert, now + 2 * day)).toBe(false)
  })
})

async function isTrustedByTls(serving: KeyPair, ca: string): Promise<boolean> {
  const server = createServer({ ...serving }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('no port')
  const client = connect({ port: address.port, host: '127.0.0.1', ca, servername: name, rejectUnauthorized: false })
  await once(client, 'secureConnect')
  const { authorized } = client
  client.destroy()
  server.close()
  return authorized
}
