import type { Denial } from '../model/decision.ts'
import type { Execution } from './execution.ts'
import type { MessageQueue } from './message-queue.ts'

export interface ClientSideHooks {
  readonly messages: MessageQueue
  /** Resolves when the server has answered the segment with ReadyForQuery. */
  ready(): Promise<void>
  fatal(denied: Denial): void
  /** Starts the statement's own clock. */
  onStart(execution: Execution): void
  onDone(execution: Execution, sqlstate: string | null): void
  policyDigest(): string
}
