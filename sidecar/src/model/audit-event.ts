/**
 * What the audit log holds. One record is one line of JSON; the writer of the log adds `seq`, `prev` and `hash`
 * (see audit/chain.ts for the exact bytes that are hashed).
 */
import type { Subject } from '@sallyport/crds'

export interface AuditSession {
  readonly id: string
  readonly database: string
  readonly clientAddress: string
  readonly user: string
  readonly applicationName: string
}

export interface AuditStatement {
  /** `sha256:` of the statement's bytes. */
  readonly digest: string
  readonly fingerprint: string
  /** Literals replaced by `$n`; empty where the text could not be parsed. */
  readonly text: string
  readonly effects: readonly string[]
}

interface StatementEvent {
  readonly kind: 'Statement'
  readonly grant: string | null
  readonly subject: Subject
  readonly session: AuditSession
  readonly statement: AuditStatement
  readonly decision: 'Allow' | 'Deny'
  readonly reason: string | null
  readonly rule: string | null
  readonly policyDigest: string
}

/** Written before the statement is forwarded, denied ones too. */
export interface IntentEvent extends StatementEvent {
  readonly phase: 'Intent'
}

/** Written when the statement is over; `intent` is the `seq` of its intent. */
export interface OutcomeEvent extends StatementEvent {
  readonly phase: 'Outcome'
  readonly intent: number
  readonly rows: number
  readonly bytes: number
  readonly affectedRows: number | null
  /** Null: it succeeded. `unknown`: the connection was lost first. */
  readonly sqlstate: string | null
  readonly durationUs: number
}

export interface SessionEvent {
  readonly kind: 'Session'
  readonly phase: 'Open' | 'Refused' | 'Close'
  readonly grant: string | null
  readonly subject: Subject
  readonly session: AuditSession
  readonly reason: string | null
}

export interface GrantEvent {
  readonly kind: 'Grant'
  readonly phase: 'Seen' | 'Ended'
  readonly grant: string
  readonly subject: Subject
  readonly reason: string | null
}

export interface PolicyEvent {
  readonly kind: 'Policy'
  readonly phase: 'Loaded' | 'Refused'
  readonly policy: string
  readonly digest: string
  readonly reason: string | null
}

/** Says that records are missing, and why: a declared gap is better than a silent one. */
export interface GapEvent {
  readonly kind: 'Gap'
  readonly reason: string
}

export type AuditEvent = IntentEvent | OutcomeEvent | SessionEvent | GrantEvent | PolicyEvent | GapEvent

/** An event whose JSON is kept: the fields of an {@link AuditEvent} as `eventFields` writes them. */
export interface WrittenEvent {
  readonly fields: string
}

/** Where sessions write evidence. */
export interface AuditLog {
  /**
   * Writes one record with write(2) before it returns: the record outlives the process.
   * @returns its `seq`.
   * @throws AuditError when it cannot be written; the caller must not forward the statement.
   */
  append(event: AuditEvent | WrittenEvent): number
  /**
   * Adds a record of what is over: written with the next one, or within 5 ms.
   * @throws AuditError when too many wait already.
   */
  appendLater(event: AuditEvent | WrittenEvent): void
  /** Resolves when the record `seq` is on disk (`Disk`) or acknowledged by the collector (`Collector`). Rejects on failure. */
  settled(seq: number, durability: 'Disk' | 'Collector'): Promise<void>
}

export class AuditError extends Error {
  override readonly name = 'AuditError'
}
