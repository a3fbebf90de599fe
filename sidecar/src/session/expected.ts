import type { Denial } from '../model/decision.ts'
import type { Execution } from './execution.ts'
import type { Portal, PreparedStatement } from './session-objects.ts'

/**
 * What the server still owes us, in order. `hidden`: we asked, not the client, and the answer stays here.
 * (The manual, "Message Flow"; the same structure as PgBouncer's OutstandingRequest.)
 */
export type Expected =
  | { readonly kind: 'Parse'; readonly statement: PreparedStatement; readonly hidden: boolean }
  | { readonly kind: 'Bind'; readonly portal: Portal; readonly hidden: boolean }
  /** `relay`: what of the answer goes on. */
  | {
      readonly kind: 'Describe'
      readonly subject: DescribeSubject
      readonly relay: 'All' | 'RowDescription' | 'Nothing'
    }
  | { readonly kind: 'Execute'; readonly execution: Execution }
  | { readonly kind: 'Close'; readonly target: 'S' | 'P'; readonly name: string; readonly hidden: boolean }
  | { readonly kind: 'Sync'; readonly hidden: boolean }
  | QueryExpected
  /** A message of our own among the client's; what it returns is gathered, its end told. */
  | { readonly kind: 'Own'; readonly own: OwnQuery; readonly isLast: boolean }
  /** Something that must fail was sent in place of what was refused; its error becomes the denial. */
  | { readonly kind: 'Refusal'; readonly denial: Denial | null }

export type DescribeSubject =
  | { readonly kind: 'Statement'; readonly statement: PreparedStatement }
  | { readonly kind: 'Portal'; readonly portal: Portal; readonly execution: Execution | null }

export interface OwnQuery {
  readonly rows: (readonly (string | null)[])[]
  state: 'Pending' | 'Done' | 'Failed'
  readonly onEnd: () => void
}

export interface QueryExpected {
  readonly kind: 'Query'
  readonly executions: readonly Execution[]
  /** The execution whose answer comes next. */
  index: number
  failed: boolean
  /** Rows of our own query are collected here and nothing goes to the client. */
  readonly collect: Collector | null
}

export interface Collector {
  readonly rows: (readonly (string | null)[])[]
  readonly done: (failed: boolean) => void
}

/** A query of our own was answered, or never will be. */
export function endOwn({ own, isLast }: Extract<Expected, { kind: 'Own' }>, state: 'Done' | 'Failed'): void {
  if (own.state !== 'Pending' || (state === 'Done' && !isLast)) return
  own.state = state
  own.onEnd()
}
