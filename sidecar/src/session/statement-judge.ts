import { createHash } from 'node:crypto'
import type { DatabaseBinding, GrantBinding } from '@sallyport/crds'
import type { PostgresAnalyzer } from '../analysis/postgres-analyzer.ts'
import type { BundleStore } from '../bundle/bundle-store.ts'
import type { PolicyEngine } from '../decision/decide.ts'
import { toDecisionInput } from '../decision/decision-input.ts'
import type { Clock } from '../model/clock.ts'
import type { Decision, Denial, SessionFacts } from '../model/decision.ts'
import type { AnalyzedMessage } from '../model/statement-facts.ts'
import type { Eventually } from './after.ts'
import type { CatalogStore } from './catalog-store.ts'
import { denial } from './denial-response.ts'
import type { PreparedStatement } from './session-objects.ts'

/** Statements of one message, or why none may run. */
export type JudgedText =
  | { readonly kind: 'Statements'; readonly statements: readonly PreparedStatement[] }
  | { readonly kind: 'Refused'; readonly denial: Denial }

export interface JudgeDeps {
  readonly analyzer: PostgresAnalyzer
  readonly store: BundleStore
  readonly engine: () => PolicyEngine
  readonly clock: Clock
}

/** What a decision needs to know of the session. */
export interface JudgedSession {
  readonly database: string
  readonly serverVersion: string
  facts(): SessionFacts
}

const maxCachedTexts = 2_000
const maxCachedTextBytes = 16_384

/**
 * Judges the statements of one database for all its sessions: analysis cached by text, search path and catalog snapshot,
 * decisions by statement, snapshot and policies (unless a policy reads time or session).
 */
export class StatementJudge {
  readonly #deps: JudgeDeps
  readonly #catalogs: Pick<CatalogStore, 'version' | 'current'>
  readonly #texts = new Map<string, JudgedText>()
  #decisions = new WeakMap<PreparedStatement, CachedDecision>()

  constructor(deps: JudgeDeps, catalogs: Pick<CatalogStore, 'version' | 'current'>) {
    this.#deps = deps
    this.#catalogs = catalogs
  }

  /** Identifies what names were resolved against: facts made under another context are made again. */
  context(searchPath: readonly string[]): string {
    return `${this.#catalogs.version} ${searchPath.join(' ')}`
  }

  /** Takes a text apart. Synchronous for whatever was seen before and for short texts. */
  analyze(sql: Buffer, name: string, database: string, searchPath: readonly string[]): Eventually<JudgedText> {
    const catalog = this.#catalogs.current()
    if (!catalog) return { kind: 'Refused', denial: denial('catalog-unavailable') }
    const context = this.context(searchPath)
    const key = sql.length <= maxCachedTextBytes ? `${context}\0${name}\0${sql.toString('latin1')}` : null
    const cached = key === null ? undefined : this.#texts.get(key)
    if (cached) return cached
    const analyzed = this.#deps.analyzer.analyze(sql, { catalog, database, searchPath })
    if (analyzed instanceof Promise)
      return analyzed.then((value) => this.#keep(key, toJudged(value, sql, name, context)))
    return this.#keep(key, toJudged(analyzed, sql, name, context))
  }

  /** The decision that holds now. Never throws. */
  decide(statement: PreparedStatement, binding: DatabaseBinding, session: JudgedSession): Decision {
    const { store, clock } = this.#deps
    if (store.isStale()) return denial('stale-bundle')
    const snapshot = store.current()
    const nowMs = clock.now()
    const grants = snapshot ? activeGrants(snapshot.grants, binding, nowMs) : []
    if (!snapshot || grants.length === 0)
      return denial('no-active-grant', { object: `${binding.namespace}/${binding.name}` })
    const engine = this.#deps.engine()
    const key = `${snapshot.revision} ${engine.digest} ${grants.length} ${session.database}`
    const cached = this.#decisions.get(statement)
    if (cached?.key === key) return cached.decision
    const decision = firstPermit(grants, (grant) =>
      engine.decide(
        toDecisionInput({ grant, snapshot, binding, session, sessionFacts: session.facts(), nowMs, statement }),
      ),
    )
    if (!engine.volatile) this.#decisions.set(statement, { key, decision })
    return decision
  }

  #keep(key: string | null, judged: JudgedText): JudgedText {
    if (key === null) return judged
    const oldest = this.#texts.size >= maxCachedTexts ? this.#texts.keys().next().value : undefined
    if (oldest !== undefined) this.#texts.delete(oldest)
    this.#texts.set(key, judged)
    return judged
  }
}

interface CachedDecision {
  readonly key: string
  readonly decision: Decision
}

/** Grants of this Database that are active at `nowMs`, in the order of the snapshot. */
export function activeGrants(
  grants: readonly GrantBinding[],
  binding: Pick<DatabaseBinding, 'namespace' | 'name'>,
  nowMs: number,
): readonly GrantBinding[] {
  return grants.filter(
    (grant) =>
      grant.database.namespace === binding.namespace &&
      grant.database.name === binding.name &&
      grant.activatedAtMs <= nowMs &&
      nowMs < grant.expiresAtMs,
  )
}

/** One grant must cover the whole statement; where none does, the first one's refusal is the answer. */
function firstPermit(grants: readonly GrantBinding[], decide: (grant: GrantBinding) => Decision): Decision {
  let refusal: Decision | null = null
  for (const grant of grants) {
    const decision = decide(grant)
    if (decision.effect === 'Allow') return decision
    refusal ??= decision
  }
  return refusal ?? denial('no-active-grant')
}

function toJudged(analyzed: AnalyzedMessage, sql: Buffer, name: string, context: string): JudgedText {
  if (analyzed.kind === 'Refused') {
    const { reason, object } = analyzed.problem
    return { kind: 'Refused', denial: denial(reason, { object }) }
  }
  return {
    kind: 'Statements',
    statements: analyzed.statements.map((facts) => {
      // A copy: the statement may be kept long after the chunk it came in.
      const text = Buffer.from(sql.subarray(facts.span.start, facts.span.end))
      return { name, facts, digest: digestOf(text), sql: text, context }
    }),
  }
}

/** `sha256:` of a statement's bytes. */
export function digestOf(text: Buffer): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`
}
