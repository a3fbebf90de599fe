import { eventFields, type GrantBinding } from '@sallyport/crds'
import type { AuditEvent, AuditStatement, WrittenEvent } from '../model/audit-event.ts'
import type { Decision, Denial, Permit } from '../model/decision.ts'
import type { PreparedStatement } from './session-objects.ts'
import type { SessionDeps, SessionState } from './session-state.ts'
import type { Execution } from './execution.ts'

interface KeptText {
  readonly permit: Permit
  readonly policyDigest: string
  readonly applicationName: string
  readonly text: string
}

/** Writes the evidence of one session. */
export class SessionAudit {
  readonly #deps: SessionDeps
  readonly #state: SessionState
  readonly #policyDigest: () => string
  readonly #texts = new WeakMap<PreparedStatement, KeptText>()

  constructor(deps: SessionDeps, state: SessionState, policyDigest: () => string) {
    this.#deps = deps
    this.#state = state
    this.#policyDigest = policyDigest
  }

  /**
   * The record that must be there before the statement is.
   * @returns its `seq`. @throws AuditError
   */
  intent(statement: PreparedStatement, permit: Permit): number {
    this.#deps.metrics.allowed.inc()
    return this.#append({ fields: `${this.#kept(statement, permit)},"phase":"Intent"` })
  }

  /** A statement that was refused. @throws AuditError */
  denied(statement: AuditStatement, denied: Denial): void {
    this.#deps.metrics.statements.inc({ decision: denied.effect, reason: denied.reason })
    this.#append({ ...this.#common(statement, denied), phase: 'Intent' })
  }

  /** @throws AuditError */
  outcome(execution: Execution, sqlstate: string | null, denied: Denial | null): void {
    const { result, statement, permit } = execution
    const outcome = {
      phase: 'Outcome',
      intent: execution.intent,
      rows: execution.rows,
      bytes: execution.bytes,
      affectedRows: result?.kind === 'Complete' ? result.affectedRows : null,
      sqlstate,
      durationUs: Math.round((this.#deps.clock.monotonic() - execution.startedMs) * 1000),
    } as const
    this.#deps.audit.appendLater(
      denied
        ? { ...this.#common(auditStatement(statement), denied), ...outcome }
        : { fields: `${this.#kept(statement, permit)},${JSON.stringify(outcome).slice(1, -1)}` },
    )
  }

  #append(event: AuditEvent | WrittenEvent): number {
    try {
      return this.#deps.audit.append(event)
    } catch (cause) {
      this.#deps.metrics.auditFailures.inc()
      throw cause
    }
  }

  /** What every record of a statement says, made once: a statement that runs ten thousand times is one text. */
  #kept(statement: PreparedStatement, permit: Permit): string {
    const policyDigest = this.#policyDigest()
    const { applicationName } = this.#state
    const found = this.#texts.get(statement)
    if (found?.permit === permit && found.policyDigest === policyDigest && found.applicationName === applicationName)
      return found.text
    const text = eventFields(this.#common(auditStatement(statement), permit))
    this.#texts.set(statement, { permit, policyDigest, applicationName, text })
    return text
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
