import type { OutputColumn, StatementFacts } from '../model/statement-facts.ts'
import type { Node } from '@pgsql/types'
import { createWalk, type StatementWalk, type WalkContext } from './create-walk.ts'
import { EffortError } from './effort.ts'
import { FactsBuilder } from './facts-builder.ts'
import { nodeKind } from './node-access.ts'
import { fingerprintOf, normalizeSql } from './normalize.ts'
import { done, type Outcome } from './outcome.ts'
import type { ParsedStatement } from './parse-statements.ts'
import { walkStatement } from './statement-handlers.ts'

/** Facts of one parsed statement. @param text the statement alone. */
export function makeFacts(statement: ParsedStatement, text: string, context: WalkContext): StatementFacts {
  const facts = new FactsBuilder()
  const walk = createWalk(context, facts)
  const outcome = walkWithin(walk, statement.node)
  const normalized = statement.normalized ?? normalizeSql(text)
  const effects = facts.effects()
  return {
    kind: nodeKind(statement.node),
    span: { start: statement.start, end: statement.end },
    effects,
    functions: [...facts.functions.values()],
    triggers: facts.triggers(),
    settings: facts.settings,
    columns: {
      read: [...facts.read].sort(),
      derived: [...facts.derived].sort(),
      predicate: [...facts.predicate].sort(),
      written: [...facts.written].sort(),
    },
    outputs: outputsOf(outcome),
    affectedRows: affectedRows(outcome, facts, walk.nested.writes, nodeKind(statement.node)),
    systemRelations: [...facts.systemRelations].map(([name, profile]) => ({ name, profile })),
    readsData: facts.readsData,
    packsRows: facts.packsRows,
    tags: [...facts.tags],
    action: outcome.action,
    problems: facts.problems,
    fingerprint: fingerprintOf(normalized),
    normalized,
  }
}

/** What takes too long to take apart is refused as it is. */
function walkWithin(walk: StatementWalk, node: Node): Outcome {
  try {
    return walkStatement(walk, node)
  } catch (cause) {
    // A RangeError is the end of the stack: short texts may nest that deep, too.
    if (!(cause instanceof EffortError || cause instanceof RangeError)) throw cause
    walk.facts.problem('statement-too-large', cause instanceof EffortError ? 'effort' : 'nesting')
    return done
  }
}

function outputsOf({ outputs }: Outcome): readonly OutputColumn[] | null {
  if (!outputs?.complete) return null
  return outputs.columns.map(({ name, value }) => ({
    name,
    origin: value.plain
      ? { kind: 'Plain', column: value.plain.column, type: value.plain.type }
      : { kind: 'Derived', columns: [...value.columns] },
  }))
}

function affectedRows(
  outcome: Outcome,
  facts: FactsBuilder,
  nestedWrites: boolean,
  kind: string,
): StatementFacts['affectedRows'] {
  if (facts.tags.has('Explain')) return 'None'
  const hidden = nestedWrites || facts.callsUnknownCode
  // A row lock needs the right to write, but writes nothing.
  const reads = (kind === 'SelectStmt' || kind === 'DeclareCursorStmt') && !facts.tags.has('Ddl')
  if (!hidden && (!facts.writes || (reads && !facts.tags.has('ExplainAnalyze')))) return 'None'
  if (!hidden && outcome.measurable && !facts.tags.has('ExplainAnalyze')) return 'CommandTag'
  // Nothing can be asked of the server while it takes data in.
  if (facts.tags.has('Copy')) return 'Unmeasurable'
  return facts.tags.has('Ddl') || facts.has('Truncate') || facts.has('Call') ? 'Unmeasurable' : 'Counters'
}
