/**
 * Exit codes of every command: 0, it is as it should be; 1, it is not (a statement is denied, a record does not verify,
 * a process failed); 2, the command line, a manifest or a file cannot be used.
 */
export const exitCodes = { ok: 0, failed: 1, unusable: 2 } as const
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** Ends a command; printed as `sallyport: <reason>: <message>`. */
export class CliError extends Error {
  override readonly name = 'CliError'
  /** One kebab-case word for scripts. */
  readonly reason: string
  readonly exitCode: ExitCode

  constructor(reason: string, message: string, exitCode: ExitCode, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
    this.exitCode = exitCode
  }
}
