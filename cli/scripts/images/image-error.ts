export type ImageErrorCode =
  'bad-dockerfile' | 'bad-usage' | 'command-failed' | 'foreign-file' | 'missing-part' | 'unknown-package'

/** An image cannot be made; the message says what to do about it. */
export class ImageError extends Error {
  override readonly name = 'ImageError'
  readonly code: ImageErrorCode

  constructor(code: ImageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
