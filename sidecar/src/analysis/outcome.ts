import type { SessionAction } from '../model/statement-facts.ts'
import type { QueryColumns } from './walk.ts'

/** What the walk of one statement tells beside the facts it collects. */
export interface Outcome {
  readonly action: SessionAction
  /** Null: no rows come. */
  readonly outputs: QueryColumns | null
  /** A single write at top level whose tag counts its rows. */
  readonly measurable: boolean
}

export const none: SessionAction = { kind: 'None' }
export const done: Outcome = { action: none, outputs: null, measurable: false }
