import type { Denial } from '../model/decision.ts'
import { describe, query, sync } from '../wire/postgres/encode.ts'
import type { Eventually } from './after.ts'
import type { ClientSideHooks } from './client-side-hooks.ts'
import type { SessionState } from './session-state.ts'

/** A prepared statement of this name never exists: asking for it fails, in any transaction state, and does nothing else. */
export const refusedName = '__sallyport_refused__'

/** What is sent to the server between two ReadyForQuery: messages let through, and ours in place of what was refused. */
export class Segment {
  readonly #state: SessionState
  readonly #hooks: Pick<ClientSideHooks, 'ready' | 'fatal'>

  constructor(state: SessionState, hooks: Pick<ClientSideHooks, 'ready' | 'fatal'>) {
    this.#state = state
    this.#hooks = hooks
  }

  send(frame: Buffer): void {
    this.#state.server.push(frame)
  }

  forward(frame: Buffer): void {
    this.#state.segmentOpen = true
    this.send(frame)
  }

  /** Sends what must fail in place of what was refused; the server's error becomes the denial. */
  poison(denied: Denial | null): void {
    // Whoever tries another identity gets no second try in the same session.
    if (denied?.reason === 'role-switch') {
      this.#hooks.fatal(denied)
      return
    }
    this.#state.expected.push({ kind: 'Refusal', denial: denied })
    this.forward(describe('S', refusedName))
  }

  refuse(denied: Denial): void {
    this.poison(denied)
    this.#state.skip = { denial: denied }
  }

  sendSync(): void {
    this.#state.expected.push({ kind: 'Sync', hidden: false })
    this.send(sync())
  }

  async ready(): Promise<void> {
    await this.#hooks.ready()
    this.#state.segmentOpen = false
    if (!this.#state.poisonDue || this.#state.closed) return
    this.#state.poisonDue = false
    this.poison(null)
    this.sendSync()
    await this.#hooks.ready()
    this.#state.segmentOpen = false
  }

  /**
   * A Query ends an open segment as Sync does, but answers for itself: what came before must be known first.
   * @returns true when the segment had failed: the server would have discarded the Query and all up to Sync.
   */
  closeOpenSegment(): Eventually<boolean> {
    return this.#state.segmentOpen && this.#closeOpenSegment()
  }

  async #closeOpenSegment(): Promise<boolean> {
    this.#state.segmentFailed = false
    this.#state.expected.push({ kind: 'Sync', hidden: true })
    this.send(sync())
    await this.#hooks.ready()
    this.#state.segmentOpen = false
    const failed = hasFailedSegment(this.#state)
    if (failed) this.#state.skip = { denial: null }
    return failed
  }

  refreshSearchPath(): Promise<void> | null {
    const { searchPathStale, transaction, segmentOpen, closed } = this.#state
    return !searchPathStale || transaction === 'E' || segmentOpen || closed ? null : this.#refreshSearchPath()
  }

  async #refreshSearchPath(): Promise<void> {
    const rows: (readonly (string | null)[])[] = []
    const outcome = { failed: false }
    this.#state.expected.push({
      kind: 'Query',
      executions: [],
      index: 0,
      failed: false,
      collect: { rows, done: (value) => (outcome.failed = value) },
    })
    this.send(query(searchPathQuery))
    await this.#hooks.ready()
    if (outcome.failed) return
    this.#state.searchPath = rows.flatMap(([name]) => (typeof name === 'string' ? [name] : []))
    this.#state.searchPathStale = false
  }
}

/** Schemas that exist and may be used, in order; temporary and implicit ones left out. */
export const searchPathQuery = 'SELECT pg_catalog.unnest(pg_catalog.current_schemas(false))'

function hasFailedSegment(state: SessionState): boolean {
  return state.segmentFailed
}
