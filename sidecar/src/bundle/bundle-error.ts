export type BundleErrorCode = 'unreachable' | 'refused' | 'timeout' | 'malformed' | 'oversized' | 'digest-mismatch'

/** What went wrong between the sidecar and its controller. */
export class BundleError extends Error {
  override readonly name = 'BundleError'
  readonly code: BundleErrorCode
  constructor(code: BundleErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
