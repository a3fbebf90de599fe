import { denyReasons, type DenyReason } from '../model/deny-reasons.ts'
import type { Denial } from '../model/decision.ts'

/** Fields of an ErrorResponse (PostgreSQL, "Error and Notice Message Fields"). */
export interface ErrorFields {
  readonly severity: 'ERROR' | 'FATAL'
  readonly sqlstate: string
  readonly message: string
  readonly detail: string
  readonly hint: string
}

/**
 * A denial as the client sees it. DETAIL is made for machines and its form is fixed:
 * `reason=<word> object=<value> rule=<value> grant=<value>`, absent keys left out, values with blanks in JSON quotes.
 */
export function denialResponse(denial: Denial, severity: 'ERROR' | 'FATAL' = 'ERROR'): ErrorFields {
  const row = denyReasons[denial.reason]
  return {
    severity,
    sqlstate: row.sqlstate,
    message: `sallyport: ${denial.message ?? row.message}`,
    detail: [
      `reason=${denial.reason}`,
      pair('object', denial.object),
      pair('rule', denial.rule),
      pair('grant', denial.grant),
    ]
      .filter((part) => part !== '')
      .join(' '),
    hint: row.hint,
  }
}

export function denial(reason: DenyReason, rest: Omit<Denial, 'effect' | 'reason'> = {}): Denial {
  return { effect: 'Deny', reason, ...rest }
}

function pair(key: string, value: string | undefined): string {
  if (value === undefined) return ''
  return `${key}=${/^[^\s"]+$/.test(value) ? value : JSON.stringify(value)}`
}
