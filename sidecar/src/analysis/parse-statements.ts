import { setFlagsFromString } from 'node:v8'
import { loadModule, parseSync } from 'libpg-query'
import type { Node } from '@pgsql/types'
import { isShallowDefinition } from './text-depth.ts'

export interface ParsedStatement {
  readonly node: Node
  /** Byte offsets in the text; end exclusive. */
  readonly start: number
  readonly end: number
  /** As {@link normalizeSql} has it, where the thread that parsed has made it. */
  readonly normalized?: string
}

export type Parsed =
  | { readonly kind: 'Parsed'; readonly statements: readonly ParsedStatement[] }
  | { readonly kind: 'SyntaxError'; /** characters before it */ readonly position: number }
  /** The parser itself failed: its instance may be unusable. */
  | { readonly kind: 'Broken' }

/**
 * Loads the parser; {@link parseStatements} works afterwards. WASM of this process stays as V8's baseline compiler made it:
 * to optimize the parser's one huge function takes 550 MB for seconds, and makes it no faster (24 against 22 µs a parse).
 */
export async function loadParser(): Promise<void> {
  for (const flag of ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering']) setFlagsFromString(flag)
  await loadModule()
}

/** PostgreSQL's own raw parser, synchronous. The text must hold no NUL. */
export function parseStatements(sql: string): Parsed {
  // The library throws at it, and what it throws at otherwise is a parser that is not trusted again.
  if (sql === '') return { kind: 'Parsed', statements: [] }
  let result: ReturnType<typeof parseSync>
  try {
    result = parseSync(sql)
  } catch (cause) {
    const position = syntaxErrorPosition(cause)
    return position === null ? { kind: 'Broken' } : { kind: 'SyntaxError', position }
  }
  const length = Buffer.byteLength(sql)
  const statements = (result.stmts ?? []).flatMap(({ stmt, stmt_location: start = 0, stmt_len: size }) =>
    stmt ? [{ node: stmt, start, end: size === undefined || size === 0 ? length : start + size }] : [],
  )
  return { kind: 'Parsed', statements }
}

/** The one statement that is a definition of the catalog; null where it cannot be taken apart. */
export function parseDefinition(sql: string): Node | null {
  const parsed = isShallowDefinition(sql) ? parseStatements(sql) : null
  return parsed?.kind === 'Parsed' ? (parsed.statements[0]?.node ?? null) : null
}

function syntaxErrorPosition(cause: unknown): number | null {
  if (!(cause instanceof Error) || cause.name !== 'SqlError') return null
  const details = 'sqlDetails' in cause ? cause.sqlDetails : null
  const position =
    typeof details === 'object' && details !== null && 'cursorPosition' in details ? details.cursorPosition : 0
  return typeof position === 'number' ? position : 0
}
