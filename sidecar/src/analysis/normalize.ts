import { createHash } from 'node:crypto'
import { scanSync } from 'libpg-query'

/** Token types of literals: FCONST, SCONST, USCONST, BCONST, XCONST, ICONST; and of comments. */
const literalTokens = new Set([260, 261, 262, 263, 264, 266])
const commentTokens = new Set([275, 276])

/**
 * The text with every literal replaced by `$n` and comments left out: safe to log. Made from the lexer's tokens alone.
 * @returns '' where the text cannot be taken apart.
 */
export function normalizeSql(sql: string): string {
  let tokens: ReturnType<typeof scanSync>['tokens']
  try {
    tokens = scanSync(sql).tokens
  } catch {
    return ''
  }
  const bytes = Buffer.from(sql)
  const parts: string[] = []
  let number = 0
  let end = 0
  for (const token of tokens) {
    if (commentTokens.has(token.tokenType)) {
      end = token.end
      parts.push(' ')
      continue
    }
    if (token.start > end) parts.push(' ')
    parts.push(literalTokens.has(token.tokenType) ? `$${++number}` : bytes.toString('utf8', token.start, token.end))
    end = token.end
  }
  return parts.join('').replace(/ {2,}/g, ' ').trim()
}

/** The same for statements that differ in literals, comments and spacing only: 16 hex digits. */
export function fingerprintOf(normalized: string): string {
  return normalized === '' ? '' : createHash('sha256').update(normalized).digest('hex').slice(0, 16)
}
