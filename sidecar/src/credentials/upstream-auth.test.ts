import { describe, expect, it } from 'vitest'
import type { Authentication } from '../model/authentication.ts'
import { scramPlain, scramPlus } from './scram.ts'
import { UpstreamAuthenticator, type UpstreamLogin } from './upstream-auth.ts'

const login: UpstreamLogin = { user: 'app', password: 'secret', tlsVerified: false }
const sasl: Authentication = { kind: 'SASL', mechanisms: [scramPlain] }
const md5: Authentication = { kind: 'MD5Password', salt: Buffer.from([1, 2, 3, 4]) }

/** What the last request is answered with; or the code of the error. */
async function answer(requests: readonly Authentication[], changes: Partial<UpstreamLogin> = {}): Promise<string> {
  const authenticator = new UpstreamAuthenticator({ ...login, ...changes })
  let last: Buffer | 'done' | null = null
  try {
    for (const request of requests) last = await authenticator.respond(request)
  } catch (cause) {
    return cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
  }
  return last === null ? 'null' : last.toString('latin1')
}

describe('a login at a server', () => {
  it('answers MD5 with the hash of the manual', async () => {
    // md5(md5('secretapp') ‖ 01020304), by md5sum
    expect(await answer([md5])).toBe('md5911f527656472583a006e7727877b33e\0')
  })

  it('gives the password in clear to a server whose certificate was checked, and to nobody else', async () => {
    expect(await answer([{ kind: 'CleartextPassword' }], { tlsVerified: true })).toBe('secret\0')
    expect(await answer([{ kind: 'CleartextPassword' }])).toBe('cleartext-refused')
  })

  it('begins SCRAM with its name, the length and the first message', async () => {
    expect(await answer([sasl])).toMatch(/^SCRAM-SHA-256\0\0\0\0.n,,n=,r=.{24}$/s)
  })

  it('binds SCRAM to the channel where it can', async () => {
    const channelBinding = { type: 'tls-server-end-point', data: Buffer.from('hash') } as const
    const offered: Authentication = { kind: 'SASL', mechanisms: [scramPlus, scramPlain] }
    expect(await answer([offered], { channelBinding })).toMatch(/^SCRAM-SHA-256-PLUS\0\0\0\0.p=tls-server-end-point,,/s)
  })

  it('is done when the server says so', async () => {
    expect(await answer([{ kind: 'Ok' }])).toBe('done')
    expect(await answer([md5, { kind: 'Ok' }])).toBe('done')
  })

  it.each<[string, readonly Authentication[], string]>([
    ['ends SCRAM before it proved itself', [sasl, { kind: 'Ok' }], 'server-not-authentic'],
    ['goes on with SCRAM that was not begun', [{ kind: 'SASLContinue', data: Buffer.alloc(1) }], 'out-of-order'],
    ['ends SCRAM that was not begun', [{ kind: 'SASLFinal', data: Buffer.alloc(1) }], 'out-of-order'],
    ['skips the middle of SCRAM', [sasl, { kind: 'SASLFinal', data: Buffer.alloc(1) }], 'out-of-order'],
    ['begins SCRAM twice', [sasl, sasl], 'out-of-order'],
    ['asks for a weaker proof after the first', [sasl, md5], 'out-of-order'],
    ['asks for MD5 twice', [md5, md5], 'out-of-order'],
    ['confirms twice', [{ kind: 'Ok' }, { kind: 'Ok' }], 'out-of-order'],
    ['asks for Kerberos', [{ kind: 'Unsupported', code: 7 }], 'unsupported-authentication'],
    ['offers nothing we speak', [{ kind: 'SASL', mechanisms: ['OAUTHBEARER'] }], 'unsupported-authentication'],
  ])('ends at a server that %s', async (_what, requests, code) => {
    expect(await answer(requests, { tlsVerified: true })).toBe(code)
  })

  it('has the same work done once only', async () => {
    const authenticator = new UpstreamAuthenticator(login)
    const first = await authenticator.respond(sasl)
    const nonce = /r=(.{24})$/.exec(String(first))?.[1] ?? ''
    const challenge: Authentication = { kind: 'SASLContinue', data: Buffer.from(`r=${nonce}S,s=c2FsdA==,i=4096`) }
    await authenticator.respond(challenge)
    await expect(authenticator.respond(challenge)).rejects.toMatchObject({ code: 'out-of-order' })
  })

  it('says which authentication it does not know', async () => {
    const authenticator = new UpstreamAuthenticator(login)
    await expect(authenticator.respond({ kind: 'Unsupported', code: 9 })).rejects.toThrow(/authentication 9/)
  })
})
