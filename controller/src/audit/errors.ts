/** Why a batch was not taken; `refused` ones must not be sent again as they are. */
export type CollectorErrorCode = 'refused' | 'gap' | 'full' | 'closed' | 'corrupt'

/** Thrown by everything in this room. */
export class CollectorError extends Error {
  override readonly name = 'CollectorError'
  readonly code: CollectorErrorCode

  constructor(code: CollectorErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
