import { createHash } from 'node:crypto'
import type { Authentication } from '../model/authentication.ts'
import { unreachable } from '../model/unreachable.ts'
import { CredentialsError } from './credentials-error.ts'
import { ScramClient } from './scram.ts'

export interface UpstreamLogin {
  readonly user: string
  readonly password: string
  /** The server's certificate was checked: only then a password may cross in clear. */
  readonly tlsVerified: boolean
  readonly channelBinding?: { readonly type: 'tls-server-end-point'; readonly data: Buffer }
}

/** How far a login has come. Each step is taken once: a server cannot have the same work done again and again. */
type Step =
  | { readonly kind: 'Begun' }
  | { readonly kind: 'PasswordSent' }
  | { readonly kind: 'ScramBegun' | 'ScramProven' | 'ScramVerified'; readonly scram: ScramClient }
  | { readonly kind: 'Done' }

/** Answers a server's Authentication messages; knows nothing of sockets. One login each. */
export class UpstreamAuthenticator {
  readonly #login: UpstreamLogin
  #step: Step = { kind: 'Begun' }

  constructor(login: UpstreamLogin) {
    this.#login = login
  }

  /**
   * @returns the payload of the password message to send, null when the server only confirms, or `done`.
   * @throws CredentialsError
   */
  async respond(request: Authentication): Promise<Buffer | 'done' | null> {
    const { user, password } = this.#login
    switch (request.kind) {
      case 'Ok':
        return this.#ok()
      case 'CleartextPassword':
        this.#begin()
        if (!this.#login.tlsVerified)
          throw new CredentialsError(
            'cleartext-refused',
            'the server asks for a clear password; that needs tls.mode VerifyFull, or VerifyCA with an authority of its own',
          )
        return cstring(password)
      case 'MD5Password':
        this.#begin()
        return cstring(`md5${md5(md5(password + user), request.salt)}`)
      case 'SASL':
        this.#begin()
        return this.#beginScram(request.mechanisms)
      case 'SASLContinue': {
        const scram = this.#scramAt('ScramBegun')
        this.#step = { kind: 'ScramProven', scram }
        return await scram.final(request.data)
      }
      case 'SASLFinal': {
        const scram = this.#scramAt('ScramProven')
        scram.verify(request.data)
        this.#step = { kind: 'ScramVerified', scram }
        return null
      }
      case 'Unsupported':
        throw new CredentialsError(
          'unsupported-authentication',
          `the server asks for authentication ${request.code}, which is not supported`,
        )
      default:
        return unreachable(request)
    }
  }

  #begin(): void {
    if (this.#step.kind !== 'Begun')
      throw new CredentialsError('out-of-order', 'the server asks for a second authentication in one login')
    this.#step = { kind: 'PasswordSent' }
  }

  #beginScram(mechanisms: readonly string[]): Buffer {
    const { password, channelBinding } = this.#login
    const scram = new ScramClient(
      { password, ...(channelBinding && { channelBinding: channelBinding.data }) },
      mechanisms,
    )
    this.#step = { kind: 'ScramBegun', scram }
    const first = scram.first()
    const length = Buffer.alloc(4)
    length.writeInt32BE(first.length)
    return Buffer.concat([cstring(scram.mechanism), length, first])
  }

  #ok(): 'done' {
    switch (this.#step.kind) {
      case 'ScramBegun':
      case 'ScramProven':
        throw new CredentialsError('server-not-authentic', 'the server ended SCRAM before it proved itself')
      case 'Done':
        throw new CredentialsError('out-of-order', 'the server confirms a login twice')
      case 'Begun':
      case 'PasswordSent':
      case 'ScramVerified':
        this.#step = { kind: 'Done' }
        return 'done'
    }
  }

  #scramAt(kind: 'ScramBegun' | 'ScramProven'): ScramClient {
    if (this.#step.kind !== kind)
      throw new CredentialsError('out-of-order', 'the server continues a SCRAM exchange that is not at this point')
    return this.#step.scram
  }
}

/** Manual, "MD5 password": md5(md5(password ‖ user) ‖ salt), in hex. */
function md5(text: string, salt: Buffer = Buffer.alloc(0)): string {
  return createHash('md5').update(text).update(salt).digest('hex')
}

function cstring(text: string): Buffer {
  return Buffer.from(`${text}\0`)
}
