/**
 * The parser in a thread of its own, with a stack for deep texts; parse-elsewhere.ts starts and ends it. A text is answered by
 * what it parses to, and that by the texts of its statements without literals.
 */
import { parentPort } from 'node:worker_threads'
import { normalizeSql } from './normalize.ts'
import { loadParser, parseStatements, type Parsed } from './parse-statements.ts'

/** What the main thread's own stack can take in; what it walks ends far sooner. */
const maxDepth = 4_000
/** Objects of a parse tree, some 500 bytes each in both threads together: a list of 50,000 numbers, 15,000 rows of two values. */
const maxObjects = 150_000

export type ParsedElsewhere = Parsed | { readonly kind: 'TooDeep' | 'TooLarge' }

await loadParser()
parentPort?.on('message', (sql: string) => {
  const parsed = bounded(parseStatements(sql))
  parentPort?.postMessage(parsed)
  if (parsed.kind !== 'Parsed') return
  // The text without literals takes longer than the tree: by then it is known that there is one.
  const bytes = Buffer.from(sql)
  parentPort?.postMessage(parsed.statements.map(({ start, end }) => normalizeSql(bytes.toString('utf8', start, end))))
})
parentPort?.postMessage('Ready')

function bounded(parsed: Parsed): ParsedElsewhere {
  let level: readonly unknown[] = [parsed]
  let objects = 0
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth) return { kind: 'TooDeep' }
    level = level.flatMap((value) => (typeof value === 'object' && value !== null ? (Object.values(value) as unknown[]) : [])).filter((value) => typeof value === 'object') // prettier-ignore
    objects += level.length
    if (objects > maxObjects) return { kind: 'TooLarge' }
  }
  return parsed
}
