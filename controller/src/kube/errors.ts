/** What went wrong with a request to the API server; `code` is what callers decide on. */
export type KubeErrorCode =
  | 'not-found'
  | 'conflict'
  | 'already-exists'
  | 'gone'
  | 'forbidden'
  | 'unauthorized'
  | 'invalid'
  | 'throttled'
  | 'server-error'
  | 'unreachable'
  | 'timeout'
  | 'malformed'
  | 'kubernetes-too-old'

/** Thrown by everything in this room. */
export class KubeError extends Error {
  override readonly name = 'KubeError'
  readonly code: KubeErrorCode
  /** HTTP status; null where no answer came. */
  readonly status: number | null
  /** What `Retry-After` asked for. */
  readonly retryAfterMs: number | null

  constructor(
    code: KubeErrorCode,
    message: string,
    status: number | null = null,
    retryAfterMs: number | null = null,
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.code = code
    this.status = status
    this.retryAfterMs = retryAfterMs
  }
}

/** True where the error is a {@link KubeError} of this code. */
export function isKubeError(error: unknown, ...codes: readonly KubeErrorCode[]): error is KubeError {
  return error instanceof KubeError && codes.includes(error.code)
}

/**
 * Reads a refusal of the API server: a `Status` object, or whatever a proxy in front of it wrote.
 * @param body  the response's text; only its beginning is quoted when it is not a Status.
 */
export function errorFromResponse(
  status: number,
  body: string,
  retryAfter: string | undefined,
  what: string,
): KubeError {
  const parsed = parseStatus(body)
  const message = parsed?.message ?? (body.slice(0, 200).trim() || 'no body')
  return new KubeError(
    codeOf(status, parsed?.reason),
    `${what}: ${status} ${message}`,
    status,
    retryAfterMs(retryAfter),
  )
}

/** The code of a watch's ERROR event, whose object is a Status. */
export function errorFromStatus(object: unknown, what: string): KubeError {
  const parsed = parseStatus(JSON.stringify(object))
  const status = parsed?.code ?? 500
  return new KubeError(
    codeOf(status, parsed?.reason),
    `${what}: ${parsed?.message ?? 'unreadable error event'}`,
    status,
  )
}

interface ParsedStatus {
  readonly message?: string
  readonly reason?: string
  readonly code?: number
}

function parseStatus(body: string): ParsedStatus | null {
  try {
    const value: unknown = JSON.parse(body)
    if (typeof value !== 'object' || value === null || !('kind' in value) || value.kind !== 'Status') return null
    return {
      ...('message' in value && typeof value.message === 'string' ? { message: value.message } : {}),
      ...('reason' in value && typeof value.reason === 'string' ? { reason: value.reason } : {}),
      ...('code' in value && typeof value.code === 'number' ? { code: value.code } : {}),
    }
  } catch {
    return null
  }
}

function codeOf(status: number, reason: string | undefined): KubeErrorCode {
  if (reason === 'AlreadyExists') return 'already-exists'
  const table: Readonly<Record<number, KubeErrorCode>> = {
    401: 'unauthorized',
    403: 'forbidden',
    404: 'not-found',
    409: 'conflict',
    410: 'gone',
    422: 'invalid',
    429: 'throttled',
  }
  return table[status] ?? (status >= 500 ? 'server-error' : 'invalid')
}

function retryAfterMs(header: string | undefined): number | null {
  const seconds = Number(header)
  return header !== undefined && Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : null
}
