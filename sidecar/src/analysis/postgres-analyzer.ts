import type { DenyReason } from '../model/deny-reasons.ts'
import type { AnalyzedMessage } from '../model/statement-facts.ts'
import { unreachable } from '../model/unreachable.ts'
import type { WalkContext } from './create-walk.ts'
import { checkText } from './check-text.ts'
import { makeFacts } from './make-facts.ts'
import { ElsewhereParser, type ElsewhereOptions } from './parse-elsewhere.ts'
import { loadParser, parseStatements, type ParsedStatement } from './parse-statements.ts'
import { hasTooManyParts, isShallow } from './text-depth.ts'

export type AnalysisContext = WalkContext

/**
 * SQL text → facts, by PostgreSQL's own grammar (libpg_query of PostgreSQL 18). Short and shallow texts are parsed here; others
 * in a thread of its own, which may be stopped, since deep ones overflow the parser's stack, which never unwinds.
 */
export class PostgresAnalyzer {
  readonly #elsewhere: ElsewhereParser
  #broken = false

  private constructor(elsewhere: ElsewhereParser) {
    this.#elsewhere = elsewhere
  }

  static async load(options: ElsewhereOptions = { deadlineMs: 1_000, idleMs: 30_000 }): Promise<PostgresAnalyzer> {
    await loadParser()
    return new PostgresAnalyzer(await ElsewhereParser.load(options))
  }

  /** Facts of every statement of the text, or why none is judged. Never throws. */
  analyze(sql: Buffer, context: AnalysisContext): AnalyzedMessage | Promise<AnalyzedMessage> {
    const checked = checkText(sql)
    if (checked.kind === 'Refused') return { kind: 'Refused', problem: checked.problem }
    if (hasTooManyParts(checked.text)) return refused('statement-too-large', 'parts')
    if (this.#broken || !isShallow(checked.text, sql.length))
      return this.#elsewhere.parse(checked.text).then((parsed) => analyzed(parsed, sql, context))
    const parsed = parseStatements(checked.text)
    // What failed once is not trusted again in this thread.
    if (parsed.kind === 'Broken') this.#broken = true
    return analyzed(parsed, sql, context)
  }

  async close(): Promise<void> {
    await this.#elsewhere.close()
  }
}

type AnyParsed = Awaited<ReturnType<ElsewhereParser['parse']>>

function analyzed(parsed: AnyParsed, sql: Buffer, context: AnalysisContext): AnalyzedMessage {
  switch (parsed.kind) {
    case 'Parsed': {
      const { statements } = parsed
      const textOf = ({ start, end }: ParsedStatement): string => sql.toString('utf8', start, end)
      return { kind: 'Statements', statements: statements.map((each) => makeFacts(each, textOf(each), context)) }
    }
    case 'SyntaxError':
      return refused('unparseable-statement', `position ${parsed.position}`)
    case 'TooDeep':
      return refused('statement-too-large', 'nesting')
    case 'TooLarge':
      return refused('statement-too-large', 'parts')
    case 'TooLong':
      return refused('statement-too-large', 'parsing took too long')
    case 'Broken':
      return refused('unparseable-statement', 'the parser failed')
    default:
      return unreachable(parsed)
  }
}

function refused(reason: DenyReason, object: string): AnalyzedMessage {
  return { kind: 'Refused', problem: { reason, object } }
}
