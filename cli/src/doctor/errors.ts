/** Why a request to the API server gave nothing; callers decide on it. */
export type ClusterErrorCode = 'unreachable' | 'unauthorized' | 'missing-right' | 'not-found' | 'refused'

/** Thrown by everything in this room that reads the cluster. */
export class ClusterError extends Error {
  override readonly name = 'ClusterError'
  readonly code: ClusterErrorCode
  /** HTTP status; null where no answer came. */
  readonly status: number | null
  /** The right that is missing, as a command that asks for it; null unless `missing-right`. */
  readonly right: string | null

  constructor(
    code: ClusterErrorCode,
    message: string,
    known: { readonly status?: number; readonly right?: string } = {},
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.code = code
    this.status = known.status ?? null
    this.right = known.right ?? null
  }
}

/** True where the error is a {@link ClusterError} of one of these codes. */
export function isClusterError(error: unknown, ...codes: readonly ClusterErrorCode[]): error is ClusterError {
  return error instanceof ClusterError && codes.includes(error.code)
}
