import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ScramClient, scramPlain, scramPlus } from './scram.ts'

const both = [scramPlus, scramPlain]
const binding = Buffer.from('hash of a certificate')
/** The salt is `saltsalt`. */
const challenge = 'r=abcdSERVER,s=c2FsdHNhbHQ=,i=4096'

function client(options: { readonly password?: string; readonly channelBinding?: Buffer } = {}): ScramClient {
  return new ScramClient({ password: 'pencil', nonce: 'abcd', ...options }, both)
}

function hmac(key: Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest()
}

/** What a server that knows the password makes of the client's last message (RFC 5802, 3). */
function server(password: string, first: string, final: string): { readonly proven: boolean; readonly answer: string } {
  const salted = pbkdf2Sync(password, 'saltsalt', 4096, 32, 'sha256')
  const [withoutProof = '', proof = ''] = final.split(',p=')
  const message = `${first.replace(/^[^,]*,[^,]*,/, '')},${challenge},${withoutProof}`
  const storedKey = createHash('sha256').update(hmac(salted, 'Client Key')).digest()
  const signature = hmac(storedKey, message)
  const key = Buffer.from(Buffer.from(proof, 'base64').map((byte, index) => byte ^ (signature[index] ?? 0)))
  return {
    proven: createHash('sha256').update(key).digest().equals(storedKey),
    answer: `v=${hmac(hmac(salted, 'Server Key'), message).toString('base64')}`,
  }
}

/** @returns what the server saw. */
async function login(
  scram: ScramClient,
  password = 'pencil',
): Promise<{ readonly first: string; readonly bound: string; readonly proven: boolean }> {
  const first = scram.first().toString()
  const final = (await scram.final(Buffer.from(challenge))).toString()
  const { proven, answer } = server(password, first, final)
  if (proven) scram.verify(Buffer.from(answer))
  const [, bound = ''] = /^c=([^,]*),/.exec(final) ?? []
  return { first, bound: Buffer.from(bound, 'base64').toString(), proven }
}

describe('a SCRAM exchange', () => {
  it('proves the password, and has the server prove that it knows it', async () => {
    expect(await login(client())).toEqual({ first: 'n,,n=,r=abcd', bound: 'n,,', proven: true })
    expect(await login(client({ password: 'other' }))).toMatchObject({ proven: false })
  })

  it('is bound to the certificate where both can', async () => {
    const scram = client({ channelBinding: binding })
    expect(scram.mechanism).toBe(scramPlus)
    const bound = `p=tls-server-end-point,,${binding.toString()}`
    expect(await login(scram)).toEqual({ first: 'p=tls-server-end-point,,n=,r=abcd', bound, proven: true })
  })

  it('says that it could bind where the server does not offer it, so that the server can tell who took the offer away', async () => {
    const scram = new ScramClient({ password: 'pencil', nonce: 'abcd', channelBinding: binding }, [scramPlain])
    expect(scram.mechanism).toBe(scramPlain)
    expect(await login(scram)).toEqual({ first: 'y,,n=,r=abcd', bound: 'y,,', proven: true })
  })

  it.each<[string, string, string]>([
    ['spaces and what is mapped to nothing', 'p\u00a0\u00adw\u2168', 'p wIX'],
    ['marks put together', 'e\u0301', '\u00e9'],
    ['what may not be prepared, left alone', '\u2168\u0007', '\u2168\u0007'],
    ['ASCII, left alone', 'a\tb', 'a\tb'],
  ])('prepares the password as the server does: %s', async (_what, password, prepared) => {
    expect(await login(client({ password }), prepared)).toMatchObject({ proven: true })
  })

  it('takes a nonce of its own each time', () => {
    const nonces = [1, 2].map(() => new ScramClient({ password: '' }, both).first().toString())
    expect(nonces[0]).not.toBe(nonces[1])
    expect(nonces[0]).toMatch(/^n,,n=,r=[A-Za-z0-9+/]{24}$/)
  })

  it.each<[string, string, string]>([
    ['a nonce that is not ours', 'r=abcXSERVER,s=c2FsdA==,i=4096', 'malformed-challenge'],
    ['a nonce without a part of the server', 'r=abcd,s=c2FsdA==,i=4096', 'malformed-challenge'],
    ['a nonce that goes on and on', `r=abcd${'x'.repeat(600)},s=c2FsdA==,i=4096`, 'malformed-challenge'],
    ['no salt', 'r=abcdS,s=,i=4096', 'malformed-challenge'],
    ['a salt that is not base64', 'r=abcdS,s=!!!!,i=4096', 'malformed-challenge'],
    ['a salt without an end', `r=abcdS,s=${'c2Fs'.repeat(300)},i=4096`, 'malformed-challenge'],
    ['iterations for an hour', 'r=abcdS,s=c2FsdA==,i=999999999', 'malformed-challenge'],
    ['more iterations than allowed', 'r=abcdS,s=c2FsdA==,i=1000001', 'malformed-challenge'],
    ['hardly any iterations', 'r=abcdS,s=c2FsdA==,i=1', 'malformed-challenge'],
    ['iterations below zero', 'r=abcdS,s=c2FsdA==,i=-4096', 'malformed-challenge'],
    ['no iterations', 'r=abcdS,s=c2FsdA==', 'malformed-challenge'],
    ['a message without an end', `r=abcdS,s=c2FsdA==,i=4096,${'x'.repeat(4096)}`, 'malformed-challenge'],
    ['an extension it must know', 'm=new,r=abcdS,s=c2FsdA==,i=4096', 'unsupported-authentication'],
    ['an error', 'e=other-error', 'malformed-challenge'],
  ])('ends at %s', async (_what, message, code) => {
    await expect(client().final(Buffer.from(message))).rejects.toMatchObject({ code })
  })

  it.each<[string, string]>([
    ['another signature', `v=${Buffer.alloc(32).toString('base64')}`],
    ['a shorter one', 'v=AAAA'],
    ['none', ''],
    ['an error', 'e=invalid-proof'],
  ])('ends when the server proves itself with %s', async (_what, message) => {
    const scram = client()
    await scram.final(Buffer.from(challenge))
    expect(() => scram.verify(Buffer.from(message))).toThrow(
      expect.objectContaining({ code: 'server-not-authentic' }) as Error,
    )
  })

  it.each<[string, readonly string[]]>([
    ['nothing', []],
    ['OAuth alone', ['OAUTHBEARER']],
    ['SCRAM with a binding we do not have', [scramPlus]],
  ])('does not begin with a server that offers %s', (_what, mechanisms) => {
    expect(() => new ScramClient({ password: '' }, mechanisms)).toThrow(
      expect.objectContaining({ code: 'unsupported-authentication' }) as Error,
    )
  })
})
