/** Thrown by this room. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError'
  readonly code: 'unreadable-secret' | 'contended'

  constructor(code: CertificateError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
