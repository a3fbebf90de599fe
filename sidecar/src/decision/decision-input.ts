import type { DatabaseBinding, GrantBinding, MaskKind, Snapshot } from '@sallyport/crds'
import type { DecisionInput, SessionFacts } from '../model/decision.ts'
import type { StatementFacts } from '../model/statement-facts.ts'

export interface InputParts {
  readonly grant: GrantBinding
  readonly snapshot: Pick<Snapshot, 'subject'>
  readonly binding: DatabaseBinding
  readonly session: { readonly database: string; readonly serverVersion: string }
  readonly sessionFacts: SessionFacts
  /** Unix milliseconds. */
  readonly nowMs: number
  readonly statement: { readonly facts: StatementFacts; readonly digest: string }
}

const weekdays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const

/** What policies see, field by field: nothing of credentials, keys or literals gets in. */
export function toDecisionInput(parts: InputParts): DecisionInput {
  const { grant, snapshot, binding, session, sessionFacts, nowMs, statement } = parts
  const date = new Date(nowMs)
  return {
    grant,
    subject: snapshot.subject,
    database: {
      namespace: binding.namespace,
      name: binding.name,
      engine: binding.engine,
      serverVersion: session.serverVersion,
      database: session.database,
      sensitive: sensitiveColumns(binding),
    },
    session: sessionFacts,
    now: {
      rfc3339: date.toISOString(),
      unixMs: nowMs,
      hour: date.getUTCHours(),
      weekday: weekdays[date.getUTCDay()] ?? '',
    },
    statement: { ...statement.facts, digest: statement.digest },
  }
}

function sensitiveColumns({ sensitive }: DatabaseBinding): Readonly<Record<string, MaskKind>> {
  const masks: Record<string, MaskKind> = {}
  for (const { column, mask } of sensitive) masks[column] = leastRevealing(masks[column], mask)
  return masks
}

const revealing: readonly MaskKind[] = ['Deny', 'Null', 'Redact', 'Hash', 'Partial']

/** Of several masks on one column the one that shows least stands. */
export function leastRevealing(first: MaskKind | undefined, second: MaskKind): MaskKind {
  return first !== undefined && revealing.indexOf(first) <= revealing.indexOf(second) ? first : second
}
