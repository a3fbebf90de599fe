/** What reached the client after the preparation, and what a superuser saw on the server before and after. */
export interface Observation {
  /** SQLSTATE and message of every ErrorResponse. */
  readonly errors: readonly (readonly [string, string])[]
  readonly preErrors: readonly (readonly [string, string])[]
  /** The gateway closed or refused a session. */
  readonly closed: boolean
  readonly hang: boolean
  readonly elapsedS: number
  readonly rows: number
  readonly bytes: number
  /** Name and body of everything received, preparation included. */
  readonly messages: readonly (readonly [string, Buffer])[]
  /** Cells joined by `,`, rows by `|`. */
  readonly rowText: string
  readonly tags: readonly string[]
  readonly probeBefore: string
  readonly probeAfter: string
  readonly followup: string
  /** SQLSTATEs seen by a bystander's session. */
  readonly victim: readonly string[]
  readonly lockFreed: boolean
  /** The gateway died or listens no more. */
  readonly crash: string
  /** The server's statement log has the text. */
  readonly reached: boolean
  readonly sent: number
}

export const denied = (seen: Observation): boolean => seen.errors.length > 0 || seen.closed
