import type { GrantBinding, MaskKind, PolicyBinding, Subject } from '@sallyport/crds'
import type { DenyReason } from './deny-reasons.ts'
import type { StatementFacts } from './statement-facts.ts'

/** What one statement is judged on; `input` of every policy (policy/schemas/input.json describes it to `opa check`). */
export interface DecisionInput {
  readonly grant: GrantBinding
  readonly subject: Subject
  readonly database: {
    readonly namespace: string
    readonly name: string
    readonly engine: string
    readonly serverVersion: string
    readonly database: string
    /** `schema.table.column` → mask, of Database.spec.sensitive. */
    readonly sensitive: Readonly<Record<string, MaskKind>>
  }
  readonly session: SessionFacts
  readonly now: { readonly rfc3339: string; readonly unixMs: number; readonly hour: number; readonly weekday: string }
  readonly statement: StatementFacts & { readonly digest: string }
}

export interface SessionFacts {
  readonly applicationName: string
  readonly transaction: 'Idle' | 'InTransaction' | 'Failed'
  readonly statements: number
  readonly rows: number
  readonly bytes: number
}

export interface ColumnMask {
  /** `schema.table.column`. */
  readonly column: string
  readonly mask: Exclude<MaskKind, 'Deny'>
}

export interface Denial {
  readonly effect: 'Deny'
  readonly reason: DenyReason
  /** The rule of a policy, `<namespace>/<policy>: <rule>`; absent for guardrails. */
  readonly rule?: string
  /** What is refused: `Delete public.orders`, a function, a setting. */
  readonly object?: string
  /** The policy author's own sentence; else the reason's. */
  readonly message?: string
  readonly grant?: string
}

export interface Permit {
  readonly effect: 'Allow'
  readonly grant: GrantBinding
  /** Columns that must arrive masked, by origin. */
  readonly masks: readonly ColumnMask[]
  /** The smallest of what grant and policies say; null: none. */
  readonly rowLimit: number | null
  readonly byteLimit: number | null
  /** More affected rows than this and the statement never happened; null: not limited. */
  readonly maxAffectedRows: number | null
  /** Refusals of policies in DryRun, to be recorded. */
  readonly dryRun: readonly Denial[]
}

export type Decision = Permit | Denial

/** A policy of the bundle with its compiled module. */
export interface LoadedPolicy {
  readonly binding: PolicyBinding
  readonly wasm: Uint8Array
}
