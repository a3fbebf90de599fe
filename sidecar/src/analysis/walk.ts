import type { Node, SelectStmt } from '@pgsql/types'
import type { Catalog } from './catalog.ts'
import type { FactsBuilder } from './facts-builder.ts'
import type { Scope, ScopeColumn, Value } from './scope.ts'

/** What an expression is used for: shown, deciding which rows come, or part of something computed. */
export type Use = 'Output' | 'Predicate' | 'Derived'

/** Columns of a query; `complete` is false where a function's result has columns the text does not tell. */
export interface QueryColumns {
  readonly columns: readonly ScopeColumn[]
  readonly complete: boolean
}

/** One walk over one statement: what its parts need of each other. */
export interface Walk {
  readonly facts: FactsBuilder
  readonly catalog: Catalog
  readonly database: string
  readonly searchPath: readonly string[]
  expression(node: Node, scope: Scope, use: Use): Value
  query(select: SelectStmt, parent: Scope | null): QueryColumns
  /** The body of a CTE: a query, or a write with RETURNING. */
  cteBody(node: Node, parent: Scope): QueryColumns
  /** A walk of its own over a view's definition: names in it are qualified, its effects are not the statement's. */
  detached(facts: FactsBuilder): Walk
}
