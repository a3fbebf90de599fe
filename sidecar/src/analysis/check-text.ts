import type { Problem } from '../model/statement-facts.ts'

/** Longer statements are not judged. */
export const maxStatementBytes = 256 * 1024

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export type CheckedText =
  { readonly kind: 'Text'; readonly text: string } | { readonly kind: 'Refused'; readonly problem: Problem }

/**
 * Refuses what the server and we could read differently: bytes that are not UTF-8, NUL, and control characters but TAB, LF,
 * CR and FF (a vertical tab is white space from PostgreSQL 16 on and an error before).
 */
export function checkText(sql: Buffer): CheckedText {
  if (sql.length > maxStatementBytes)
    return { kind: 'Refused', problem: { reason: 'statement-too-large', object: `${sql.length} bytes` } }
  let text: string
  try {
    text = utf8.decode(sql)
  } catch {
    return { kind: 'Refused', problem: { reason: 'unparseable-statement', object: 'not UTF-8' } }
  }

  const control = /[\u0000-\u0008\u000b\u000e-\u001f\u007f]/.exec(text)
  if (control) return { kind: 'Refused', problem: { reason: 'unparseable-statement', object: 'control character' } }
  return { kind: 'Text', text }
}
