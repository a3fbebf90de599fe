import type { Node, SelectStmt } from '@pgsql/types'
import type { Catalog } from './catalog.ts'
import { walkExpression } from './expressions.ts'
import { FactsBuilder } from './facts-builder.ts'
import { walkQuery } from './query.ts'
import { constant, type Scope, type Value } from './scope.ts'
import { walkWrite } from './statement-handlers.ts'
import type { QueryColumns, Use, Walk } from './walk.ts'

/** Deeper than this nothing is followed: the statement is refused. */
const maxDepth = 400

export interface WalkContext {
  readonly catalog: Catalog
  readonly database: string
  readonly searchPath: readonly string[]
}

/** A statement's walk; `nested` tells of writes inside CTEs, which no tag counts. */
export interface StatementWalk extends Walk {
  readonly nested: { writes: boolean }
}

export function createWalk(context: WalkContext, facts: FactsBuilder): StatementWalk {
  let depth = 0
  const nested = { writes: false }
  const deeper = <T>(refused: T, step: () => T): T => {
    facts.effort.spend(1)
    if (depth >= maxDepth) {
      facts.problem('statement-too-large', 'nesting')
      return refused
    }
    depth++
    try {
      return step()
    } finally {
      depth--
    }
  }
  const empty: QueryColumns = { columns: [], complete: false }
  const walk: StatementWalk = {
    facts,
    nested,
    ...context,
    expression: (node: Node, scope: Scope, use: Use): Value =>
      deeper(constant, () => walkExpression(walk, node, scope, use)),
    query: (select: SelectStmt, parent: Scope | null): QueryColumns =>
      deeper(empty, () => walkQuery(walk, select, parent)),
    cteBody: (node: Node, parent: Scope): QueryColumns =>
      deeper(empty, () => {
        if ('SelectStmt' in node) return walk.query(node.SelectStmt, parent)
        nested.writes = true
        return walkWrite(walk, node, parent).outputs ?? { columns: [], complete: true }
      }),
    detached: (other: FactsBuilder): Walk => createWalk({ ...context, searchPath: [] }, other),
  }
  return walk
}
