import type { AnalyzedMessage } from '../model/statement-facts.ts'
import type { WalkContext } from './create-walk.ts'
import { checkText } from './check-text.ts'
import { makeFacts } from './make-facts.ts'
import { loadParser, parseStatements } from './parse-statements.ts'

export type AnalysisContext = WalkContext

/** Deep statements overflow the stack of the parser, which never unwinds: what could be so deep is not parsed here. */
const maxInlineBytes = 8 * 1024

/**
 * SQL text → facts, by PostgreSQL's own grammar (libpg_query of PostgreSQL 18). A parser that failed other than by a syntax
 * error is not trusted again: from then on everything is refused.
 */
export class PostgresAnalyzer {
  #broken = false

  static async load(): Promise<PostgresAnalyzer> {
    await loadParser()
    return new PostgresAnalyzer()
  }

  /** Facts of every statement of the text, or why none is judged. Never throws. */
  analyze(sql: Buffer, context: AnalysisContext): AnalyzedMessage | Promise<AnalyzedMessage> {
    const checked = checkText(sql)
    if (checked.kind === 'Refused') return { kind: 'Refused', problem: checked.problem }
    if (this.#broken)
      return { kind: 'Refused', problem: { reason: 'unparseable-statement', object: 'the parser failed' } }
    if (sql.length > maxInlineBytes && nesting(checked.text) > maxInlineNesting)
      return { kind: 'Refused', problem: { reason: 'statement-too-large', object: 'nesting' } }
    const parsed = parseStatements(checked.text)
    if (parsed.kind === 'Broken') {
      this.#broken = true
      return { kind: 'Refused', problem: { reason: 'unparseable-statement', object: 'the parser failed' } }
    }
    if (parsed.kind === 'SyntaxError')
      return { kind: 'Refused', problem: { reason: 'unparseable-statement', object: `position ${parsed.position}` } }
    const statements = parsed.statements.map((statement) =>
      makeFacts(statement, sql.toString('utf8', statement.start, statement.end), context),
    )
    return { kind: 'Statements', statements }
  }

  async close(): Promise<void> {
    // Nothing is held: the parser lives in this thread.
  }
}

const maxInlineNesting = 2_000

/** A bound on how deep the text can nest: brackets, and operators that chain to the left. */
function nesting(text: string): number {
  let operators = 0
  for (const character of text) if ('([+-*/|&<>=~!%^:'.includes(character)) operators++
  const words = text.match(/\b(and|or|not|union|intersect|except|case|join|collate|at|is)\b/gi)
  return operators + (words?.length ?? 0)
}
