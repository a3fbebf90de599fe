export type CredentialsErrorCode =
  'unsupported-authentication' | 'cleartext-refused' | 'malformed-challenge' | 'server-not-authentic' | 'out-of-order'

/** The login cannot go on. The message is free of secrets. */
export class CredentialsError extends Error {
  override readonly name = 'CredentialsError'
  readonly code: CredentialsErrorCode
  constructor(code: CredentialsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
