/** Thrown by this room when the compiler itself cannot be used; what is wrong with a policy is a value. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError'
  readonly code: 'compiler-not-runnable'

  constructor(code: PolicyError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
