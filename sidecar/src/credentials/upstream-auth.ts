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

/** Answers a server's Authentication messages; knows nothing of sockets. One login each. */
export class UpstreamAuthenticator {
  readonly #login: UpstreamLogin
  #scram: ScramClient | null = null
  #scramVerified = false

  constructor(login: UpstreamLogin) {
    this.#login = login
  }

  /**
   * @returns the payload of the password message to send, null when the server only confirms, or `done`.
   * @throws CredentialsError
   */
  async respond(request: Authentication): Promise<Buffer | 'done' | null> {
    const { user, password, tlsVerified, channelBinding } = this.#login
    switch (request.kind) {
      case 'Ok':
        if (this.#scram && !this.#scramVerified)
          throw new CredentialsError('server-not-authentic', 'the server ended SCRAM before it proved itself')
        return 'done'
      case 'CleartextPassword':
        if (!tlsVerified)
          throw new CredentialsError(
            'cleartext-refused',
            'the server asks for a clear password; that needs tls.mode VerifyCA or VerifyFull',
          )
        return cstring(password)
      case 'MD5Password':
        return cstring(`md5${md5(md5(password + user), request.salt)}`)
      case 'SASL': {
        this.#scram = new ScramClient(
          { password, ...(channelBinding ? { channelBinding: channelBinding.data } : {}) },
          request.mechanisms,
        )
        const first = this.#scram.first()
        const length = Buffer.alloc(4)
        length.writeInt32BE(first.length)
        return Buffer.concat([cstring(this.#scram.mechanism), length, first])
      }
      case 'SASLContinue':
        return await this.#running().final(request.data)
      case 'SASLFinal':
        this.#running().verify(request.data)
        this.#scramVerified = true
        return null
      case 'Unsupported':
        throw new CredentialsError(
          'unsupported-authentication',
          `the server asks for authentication ${request.code}, which is not supported`,
        )
      default:
        return unreachable(request)
    }
  }

  #running(): ScramClient {
    if (!this.#scram)
      throw new CredentialsError('out-of-order', 'the server continues a SCRAM exchange that was not begun')
    return this.#scram
  }
}

/** Manual, "MD5 password": md5(md5(password ‖ user) ‖ salt), in hex. */
function md5(text: string, salt: Buffer = Buffer.alloc(0)): string {
  return createHash('md5').update(text).update(salt).digest('hex')
}

function cstring(text: string): Buffer {
  return Buffer.from(`${text}\0`)
}
