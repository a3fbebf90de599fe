import type { Operation } from '@sallyport/crds'
import { Effort } from './effort.ts'
import type { DenyReason } from '../model/deny-reasons.ts'
import type { Effect, FunctionUse, Problem, SettingChange, StatementTag, TriggerUse } from '../model/statement-facts.ts'

/** What is collected while one statement is walked. */
export class FactsBuilder {
  readonly effort = new Effort()
  readonly functions = new Map<string, FunctionUse>()
  readonly settings: SettingChange[] = []
  readonly read = new Set<string>()
  readonly derived = new Set<string>()
  readonly predicate = new Set<string>()
  readonly written = new Set<string>()
  readonly systemRelations = new Map<string, 'Introspect' | 'Dump' | 'Never'>()
  readonly tags = new Set<StatementTag>()
  readonly problems: Problem[] = []
  readonly #triggers = new Map<string, TriggerUse>()
  readonly #effects = new Map<string, MutableEffect>()
  readsData = false
  packsRows = false

  problem(reason: DenyReason, object: string): void {
    if (this.problems.length < 20) this.problems.push({ reason, object })
  }

  trigger(use: TriggerUse): void {
    this.#triggers.set(`${use.relation} ${use.name}`, use)
  }

  triggers(): readonly TriggerUse[] {
    return [...this.#triggers.values()]
  }

  /** One effect for each operation on a relation; columns add up, and the most dangerous WHERE stands. */
  effect(
    operation: Operation,
    relation: string,
    columns: Iterable<string> = [],
    where: Effect['where'] = 'None',
  ): void {
    const key = `${operation} ${relation}`
    const known = this.#effects.get(key)
    if (!known) {
      this.#effects.set(key, { operation, relation, columns: new Set(columns), where })
      return
    }
    for (const column of columns) known.columns.add(column)
    if (whereRank[where] < whereRank[known.where]) known.where = where
  }

  effects(): readonly Effect[] {
    return [...this.#effects.values()]
      .map(({ operation, relation, columns, where }) => ({ operation, relation, columns: [...columns].sort(), where }))
      .sort((a, b) => rank(a.operation) - rank(b.operation) || (a.relation < b.relation ? -1 : 1))
  }

  has(operation: Operation): boolean {
    return [...this.#effects.values()].some((effect) => effect.operation === operation)
  }

  /** A function that is not reviewed and may write. */
  get callsUnknownCode(): boolean {
    return [...this.functions.values()].some(
      ({ listed, volatility }) => !listed && (volatility === 'Volatile' || volatility === 'Unknown'),
    )
  }

  get writes(): boolean {
    return [...this.#effects.values()].some(({ operation }) => !readingOperations.has(operation))
  }
}

interface MutableEffect {
  readonly operation: Operation
  readonly relation: string
  readonly columns: Set<string>
  where: Effect['where']
}

const whereRank = { None: 0, Tautology: 1, Filtered: 2 } as const
const readingOperations: ReadonlySet<Operation> = new Set(['Select', 'CopyOut', 'Lock'])
const danger: readonly Operation[] = [
  'Drop',
  'Truncate',
  'Alter',
  'Create',
  'Delete',
  'Update',
  'Merge',
  'Insert',
  'CopyIn',
  'Call',
  'CopyOut',
  'Lock',
  'Select',
]

function rank(operation: Operation): number {
  return danger.indexOf(operation)
}
