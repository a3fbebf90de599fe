/** Why a sidecar is not let in, or its message not taken. */
export type BundleErrorCode = 'unauthenticated' | 'forbidden' | 'bad-request' | 'too-large' | 'not-found' | 'busy'

/** Thrown by everything in this room. */
export class BundleError extends Error {
  override readonly name = 'BundleError'
  readonly code: BundleErrorCode

  constructor(code: BundleErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
