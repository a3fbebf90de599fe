import type { Denial, Permit } from '../model/decision.ts'
import type { Portal, PreparedStatement } from './session-objects.ts'

/** A statement that may run, with what it needs to. */
export interface Runnable {
  readonly sent: PreparedStatement
  readonly statement: PreparedStatement
  readonly paged: Portal | null
  readonly permit: Permit
}

export type Judged =
  { readonly kind: 'Runnable'; readonly value: Runnable } | { readonly kind: 'Denied'; readonly denial: Denial }
