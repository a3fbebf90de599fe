import type { Random } from './random.ts'

/** Where lexers disagree: quotes, comments, line ends, escapes, and the words that begin or bind statements. */
const pieces = [
  "'", "''", '"', '$$', '$a$', '$A$', '$1', "E'", "e'\\'", "U&'", 'U&"', "B'", "X'", "N'", '\\', "\\'", '--', '-- x\n', '--\r',
  '/*', '*/', '/* /* */', ';', ';;', '\n', '\r', '\t', '\f', '\v', ' ', '\u00a0', '\u2028', 'é', '(', ')', '[', ']', ',', '.', ':', '::',
  '=', '<>', '||', '@>', '->>', '%', '?', '#', '`', '0', '1', '1e5', '.5', '1.', '0x1F', '1_000', 'NULL', 'SELECT', 'SELECT 1',
  'DELETE FROM orders', 'UPDATE', 'INSERT INTO', 'VALUES', 'WITH', 'AS', 'FROM', 'WHERE', 'UNION', 'ALL', 'DISTINCT', 'ON', 'JOIN',
  'LATERAL', 'CASE', 'WHEN', 'END', 'BEGIN', 'BEGIN ATOMIC', 'COMMIT', 'ROLLBACK', 'EXPLAIN', 'ANALYZE', 'PREPARE', 'EXECUTE',
  'DECLARE', 'FETCH', 'COPY', 'TO STDOUT', 'SET', 'RESET', 'DO', 'CALL', 'TABLE', 'RETURNING', 'INTO', 'FOR UPDATE', 'UESCAPE', 'COLLATE',
  'OPERATOR(pg_catalog.+)', 'VARIADIC', 'GROUPING SETS', 'OVER ()', 'FILTER (WHERE true)', 'ARRAY[1]', 'ROW(1)', 'EXISTS', 'IN', 'ANY',
] // prettier-ignore

/** A text whose tokens were dropped, doubled, swapped, replaced, or that took a piece of another. */
export function mutateSql(random: Random, original: string, other: string): string {
  let text = original
  for (let changes = 1 + random.below(3); changes > 0; changes -= 1) text = changeOnce(random, text, other)
  return text
}

function changeOnce(random: Random, text: string, other: string): string {
  const tokens = text.match(/[A-Za-z_]\w*|\d+|\s+|[^\w\s]/gu) ?? []
  const at = random.below(tokens.length)
  const join = (...parts: readonly (readonly string[])[]): string => parts.flat().join('')
  switch (random.below(7)) {
    case 0:
      return join(tokens.slice(0, at), tokens.slice(at + 1 + random.below(3)))
    case 1:
      return join(tokens.slice(0, at + 1), tokens.slice(at))
    case 2:
      return join(tokens.slice(0, at), [random.pick(pieces)], tokens.slice(at))
    case 3:
      return join(tokens.slice(0, at), [' ', random.pick(pieces), ' '], tokens.slice(at + 1))
    case 4: {
      const [first = '', second = ''] = [tokens[at], tokens[random.below(tokens.length)]]
      return join(tokens.slice(0, at), [second], tokens.slice(at + 1), random.once(3) ? [first] : [])
    }
    case 5: {
      const from = random.below(other.length)
      return join(tokens.slice(0, at), [other.slice(from, from + random.below(60))], tokens.slice(at))
    }
    default:
      return random.once(2) ? `${text};${other}` : `${text}${random.pick(['\n', '', ' ', '/**/', '--\n'])}${other}`
  }
}
