import { createHash } from 'node:crypto'
import { chainStart, openSegment, verifyLines, type SegmentSpec } from '@sallyport/crds'

/** What the audit log says was to be executed. */
export interface RecordedStatements {
  /** `sha256:…` of the text of every statement with an intent, and when that was, Unix milliseconds. */
  readonly intents: ReadonlyMap<string, number>
  /** Runs of sidecars that wrote them. */
  readonly sources: number
}

/**
 * Reads the log and verifies every chain from its start.
 * @param json  an AuditSegmentList as the API server gives it.
 * @throws where a segment cannot be opened or a chain is broken.
 */
export function recordedStatements(json: string): RecordedStatements {
  const { items } = JSON.parse(json) as { readonly items: readonly { readonly spec: SegmentSpec }[] }
  const bySource = linesBySource(items.map(({ spec }) => spec))
  const intents = new Map<string, number>()
  for (const [source, lines] of bySource) {
    const verified = verifyLines(lines, chainStart)
    if (!verified.ok) throw new Error(`${source}: ${verified.message}`)
    for (const line of lines) {
      const record = JSON.parse(line) as { time: string; kind: string; phase: string; statement?: { digest: string } }
      if (record.kind === 'Statement' && record.phase === 'Intent' && record.statement)
        intents.set(record.statement.digest, Date.parse(record.time))
    }
  }
  return { intents, sources: bySource.size }
}

/** The digest a record has of a statement. */
export function digestOfStatement(sql: string): string {
  return `sha256:${createHash('sha256').update(sql).digest('hex')}`
}

/** Lines of every source in their order, each once. */
function linesBySource(segments: readonly SegmentSpec[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, Map<number, string>>()
  for (const spec of segments) {
    const opened = openSegment(spec)
    if (!opened.ok) throw new Error(opened.message)
    for (const { source, lines } of opened.runs) {
      const known = found.get(source) ?? new Map<number, string>()
      for (const line of lines) known.set((JSON.parse(line) as { readonly seq: number }).seq, line)
      found.set(source, known)
    }
  }
  return new Map([...found].map(([source, lines]) => [source, [...lines].sort(([a], [b]) => a - b).map(([, line]) => line)])) // prettier-ignore
}
