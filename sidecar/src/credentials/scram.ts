import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { CredentialsError } from './credentials-error.ts'

const derive = promisify(pbkdf2)

/** The server chooses the iterations and so our work; PostgreSQL's default is 4,096. */
const maxIterations = 1_000_000
/** Fewer make it cheap to guess the password from our proof, for whoever poses as the server. */
const minIterations = 1_000
/** PostgreSQL's is about 90 bytes. */
const maxMessageBytes = 2_048
const maxSaltBytes = 768

export interface ScramOptions {
  readonly password: string
  /** Data of `tls-server-end-point` (RFC 5929), where the connection has it. */
  readonly channelBinding?: Buffer
  readonly nonce?: string
}

export const scramPlain = 'SCRAM-SHA-256'
export const scramPlus = 'SCRAM-SHA-256-PLUS'

/** One SCRAM-SHA-256(-PLUS) exchange as a client (RFC 5802, RFC 7677; the user name is in the start-up packet). */
export class ScramClient {
  readonly mechanism: string
  readonly #options: ScramOptions
  readonly #gs2Header: string
  readonly #firstBare: string
  readonly #nonce: string
  #serverSignature: Buffer | null = null

  /** @throws CredentialsError when the server offers nothing we speak. */
  constructor(options: ScramOptions, mechanisms: readonly string[]) {
    this.#options = options
    const plus = options.channelBinding !== undefined && mechanisms.includes(scramPlus)
    if (!plus && !mechanisms.includes(scramPlain))
      throw new CredentialsError('unsupported-authentication', 'the server offers no SCRAM-SHA-256')
    this.mechanism = plus ? scramPlus : scramPlain
    // "y": we could bind, and believe the server cannot: a downgrade by somebody between is found by the server.
    this.#gs2Header = plus ? 'p=tls-server-end-point,,' : options.channelBinding === undefined ? 'n,,' : 'y,,'
    this.#nonce = options.nonce ?? randomBytes(18).toString('base64')
    this.#firstBare = `n=,r=${this.#nonce}`
  }

  /** client-first-message */
  first(): Buffer {
    return Buffer.from(this.#gs2Header + this.#firstBare)
  }

  /** server-first-message → client-final-message. @throws CredentialsError */
  async final(serverFirst: Buffer): Promise<Buffer> {
    if (serverFirst.length > maxMessageBytes)
      throw new CredentialsError('malformed-challenge', 'the challenge of the server is too long')
    const text = serverFirst.toString('latin1')
    const { m: extension, r: nonce = '', s: salt = '', i: count = '' } = attributes(text)
    if (extension !== undefined)
      throw new CredentialsError('unsupported-authentication', 'the server demands an extension of SCRAM')
    const iterations = /^\d{1,7}$/.test(count) ? Number(count) : 0
    if (!nonce.startsWith(this.#nonce) || nonce.length <= this.#nonce.length || nonce.length > 512)
      throw new CredentialsError('malformed-challenge', 'the nonce of the server does not continue ours')
    const saltBytes = Buffer.from(salt, 'base64')
    const isSalt = salt !== '' && saltBytes.length <= maxSaltBytes && saltBytes.toString('base64') === salt
    if (!isSalt || iterations < minIterations || iterations > maxIterations)
      throw new CredentialsError('malformed-challenge', 'salt or iteration count of the server is out of bounds')
    const salted = await derive(preparePassword(this.#options.password), saltBytes, iterations, 32, 'sha256')
    const clientKey = hmac(salted, 'Client Key')
    const binding = this.mechanism === scramPlus ? (this.#options.channelBinding ?? Buffer.alloc(0)) : Buffer.alloc(0)
    const withoutProof = `c=${Buffer.concat([Buffer.from(this.#gs2Header), binding]).toString('base64')},r=${nonce}`
    const authMessage = `${this.#firstBare},${text},${withoutProof}`
    const signature = hmac(createHash('sha256').update(clientKey).digest(), authMessage)
    const proof = clientKey.map((byte, index) => byte ^ (signature[index] ?? 0))
    this.#serverSignature = hmac(hmac(salted, 'Server Key'), authMessage)
    return Buffer.from(`${withoutProof},p=${Buffer.from(proof).toString('base64')}`)
  }

  /** Checks server-final-message: the server knows the password, too. @throws CredentialsError */
  verify(serverFinal: Buffer): void {
    const { v = '' } = attributes(serverFinal.subarray(0, maxMessageBytes).toString('latin1'))
    const given = Buffer.from(v, 'base64')
    const wanted = this.#serverSignature
    if (!wanted || given.length !== wanted.length || !timingSafeEqual(given, wanted))
      throw new CredentialsError('server-not-authentic', 'the server could not prove that it knows the password')
  }
}

function attributes(text: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const part of text.split(',')) if (part[1] === '=') found[part[0] ?? ''] = part.slice(2)
  return found
}

function hmac(key: Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest()
}

/** SASLprep (RFC 4013) as libpq does it: a password that may not be prepared, or is ASCII, is used as it is. */
function preparePassword(password: string): string {
  if (/^[\x00-\x7f]*$/.test(password)) return password
  const prepared = password
    .replace(/[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g, ' ')
    .replace(/[\u00ad\u034f\u1806\u180b-\u180d\u200c\u200d\u2060\ufe00-\ufe0f\ufeff]/g, '')
    .normalize('NFKC')
  return prohibited.test(prepared) ? password : prepared
}

/** RFC 4013, 2.3, but for what was not assigned in Unicode 3.2. */
const prohibited =
  /[\p{Cc}\p{Co}\p{Cs}\p{Noncharacter_Code_Point}\u0340\u0341\u200e\u200f\u2028-\u202e\u206a-\u206f\u2ff0-\u2ffb\ufff9-\ufffd\u{e0001}\u{e0020}-\u{e007f}]/u
