import type { GrantBinding } from '@sallyport/crds'
import type { AuditStatement } from '../model/audit-event.ts'
import type { Decision, Denial } from '../model/decision.ts'
import type { PreparedStatement } from './session-objects.ts'
import type { SessionDeps, SessionState } from './session-state.ts'
import type { Execution } from './execution.ts'

/** Writes the evidence of one session. */
export class SessionAudit {
  readonly #deps: SessionDeps
  readonly #state: SessionState
  readonly #policyDigest: () => string

  constructor(deps: SessionDeps, state: SessionState, policyDigest: () => string) {
    this.#deps = deps
    this.#state = state
    this.#policyDigest = policyDigest
  }

  /**
   * The record that must be there before the statement is.
   * @returns its `seq`. @throws AuditError
   */
  intent(statement: AuditStatement, decision: Decision): number {
    const denied = decision.effect === 'Deny' ? decision : null
    this.#deps.metrics.statements.inc({ decision: decision.effect, reason: denied?.reason ?? '' })
    try {
      return this.#deps.audit.append({ ...this.#common(statement, decision), phase: 'Intent' })
    } catch (cause) {
      this.#deps.metrics.auditFailures.inc()
      throw cause
    }
  }

  outcome(execution: Execution, sqlstate: string | null, denied: Denial | null): void {
    const result = execution.result
    this.#deps.audit.append({
      ...this.#common(auditStatement(execution.statement), denied ?? execution.permit),
      phase: 'Outcome',
      intent: execution.intent,
      rows: execution.rows,
      bytes: execution.bytes,
      affectedRows: result?.kind === 'Complete' ? result.affectedRows : null,
      sqlstate,
      durationUs: Math.round((this.#deps.clock.monotonic() - execution.startedMs) * 1000),
    })
  }

  session(phase: 'Open' | 'Close', reason: string | null, grant: GrantBinding | null): void {
    this.#deps.audit.append({
      kind: 'Session',
      phase,
      grant: grant && grantName(grant),
      subject: this.#state.subject,
      session: this.#session(),
      reason,
    })
  }

  #session() {
    const { id, database, clientAddress, user, applicationName } = this.#state
    return { id, database, clientAddress, user, applicationName }
  }

  #common(statement: AuditStatement, decision: Decision) {
    return {
      kind: 'Statement',
      grant: decision.effect === 'Allow' ? grantName(decision.grant) : (decision.grant ?? null),
      subject: this.#state.subject,
      session: this.#session(),
      statement,
      decision: decision.effect,
      reason: decision.effect === 'Deny' ? decision.reason : null,
      rule: decision.effect === 'Deny' ? (decision.rule ?? null) : null,
      policyDigest: this.#policyDigest(),
    } as const
  }
}

export function grantName(grant: Pick<GrantBinding, 'namespace' | 'name'>): string {
  return `${grant.namespace}/${grant.name}`
}

export function auditStatement(statement: PreparedStatement): AuditStatement {
  const { facts, digest } = statement
  return {
    digest,
    fingerprint: facts.fingerprint,
    text: facts.normalized,
    effects: facts.effects.map((effect) => `${effect.operation} ${effect.relation}`),
  }
}
