export type WireErrorCode = 'truncated' | 'oversized' | 'unknown-message' | 'malformed' | 'unsupported-version'

/** The bytes are not the protocol: the connection cannot go on. The message never quotes what was received. */
export class WireError extends Error {
  override readonly name = 'WireError'
  readonly code: WireErrorCode
  constructor(code: WireErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
