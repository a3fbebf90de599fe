import { gunzipSync } from 'node:zlib'
import {
  chainStart,
  encodeRun,
  maxSegmentBodyBytes,
  noSegment,
  openSegment,
  parseRecord,
  parseRun,
  sealSegment,
  segmentHash,
  segmentName,
  verifyLines,
  type AuditRun,
  type ChainPosition,
  type SegmentSpec,
} from '@sallyport/crds'

/** A segment under the name it was found by. */
export interface NamedSegment {
  readonly name: string
  readonly spec: SegmentSpec
}

/** One thing that is wrong with a log, as exactly as it can be named. */
export interface LogProblem {
  /** The segment, or the file. */
  readonly where: string
  readonly source: string | null
  /** Of the record. */
  readonly seq: number | null
  /** One kebab-case word. */
  readonly problem: string
  readonly message: string
}

/** What a log was when it was verified; kept, it proves later that nothing of it is gone. */
export interface LogReport {
  readonly ok: boolean
  readonly segments: number
  readonly records: number
  readonly streams: readonly { readonly stream: string; readonly seq: number; readonly hash: string }[]
  readonly sources: readonly { readonly source: string; readonly seq: number; readonly hash: string }[]
  /** Gaps the log itself declares: nothing is wrong with it, but not everything is in it. */
  readonly declaredGaps: readonly { readonly where: string; readonly seq: number; readonly reason: string }[]
  readonly problems: readonly LogProblem[]
}

/** Verifies segments: each by itself, the chain of each stream, and the chain of each source across all of them. */
export function verifySegments(segments: readonly NamedSegment[]): LogReport {
  const problems: LogProblem[] = []
  const streams = groupByStream(segments)
  const ends: { stream: string; seq: number; hash: string }[] = []
  const runs: FoundRun[] = []
  for (const [stream, members] of streams) {
    problems.push(...verifyStream(members))
    for (const segment of members) runs.push(...readRuns(segment))
    const last = members.at(-1)
    if (last) ends.push({ stream, seq: last.spec.seq, hash: segmentHash(last.spec) })
  }
  const records = verifySources(runs)
  problems.push(...records.problems)
  return {
    ok: problems.length === 0,
    segments: segments.length,
    records: records.count,
    streams: ends,
    sources: records.sources,
    declaredGaps: records.declaredGaps,
    problems,
  }
}

/**
 * Verifies the lines of one audit file.
 * @param text  the whole file; a last line without its end is a torn record.
 */
export function verifyFile(name: string, text: string): LogReport {
  const lines = text.split('\n')
  const torn = lines.pop() ?? ''
  const records = verifySources([{ source: name, namespace: '', pod: '', lines, where: name, end: null }])
  const problems = [...records.problems]
  if (torn !== '') {
    const message = 'the last line has no end: it was cut, or is being written'
    problems.push(problemOf(name, 'torn', message))
  }
  return { ...records, ok: problems.length === 0, segments: 0, records: records.count, streams: [], problems }
}

/** What of an earlier report is no longer there: nothing but this tells that the end of a log was cut off. */
export function compareReports(
  earlier: Pick<LogReport, 'streams' | 'sources'>,
  hashAt: HashLookup,
): readonly LogProblem[] {
  const problems: LogProblem[] = []
  for (const { stream, seq, hash } of earlier.streams) {
    const found = hashAt.segment(stream, seq)
    if (found === hash) continue
    const message =
      found === null ? 'the segment was there and is gone' : 'the segment was replaced since the earlier report'
    const problem = found === null ? 'missing-tail' : 'replaced'
    problems.push(problemOf(segmentName(stream, seq), problem, message))
  }
  for (const { source, seq, hash } of earlier.sources) {
    const found = hashAt.record(source, seq)
    if (found === hash) continue
    const message =
      found === null ? 'the record was there and is gone' : 'the record was replaced since the earlier report'
    problems.push({ where: source, source, seq, problem: found === null ? 'missing-tail' : 'replaced', message })
  }
  return problems
}

/** Finds what a log holds at a position, by its hash; null: nothing. */
export interface HashLookup {
  segment(stream: string, seq: number): string | null
  record(source: string, seq: number): string | null
}

export function hashLookup(
  segments: readonly NamedSegment[],
  files: readonly { name: string; text: string }[],
): HashLookup {
  const segmentHashes = new Map(segments.map(({ spec }) => [`${spec.stream} ${spec.seq}`, segmentHash(spec)]))
  const recordHashes = new Map<string, string>()
  const note = (source: string, lines: readonly string[]): void => {
    for (const line of lines) {
      const record = parseRecord(line)
      if (record) recordHashes.set(`${source} ${record.seq}`, record.hash)
    }
  }
  for (const { spec } of segments) {
    const opened = openSegment(spec)
    for (const run of opened.ok ? opened.runs : []) note(run.source, run.lines)
  }
  for (const { name, text } of files) note(name, text.split('\n'))
  return {
    segment: (stream, seq) => segmentHashes.get(`${stream} ${seq}`) ?? null,
    record: (source, seq) => recordHashes.get(`${source} ${seq}`) ?? null,
  }
}

interface FoundRun extends AuditRun {
  readonly where: string
  /** Where the source stands after a run whose records cannot be read. */
  readonly end: ChainPosition | null
}

/** The runs of a segment, even of one that was edited, so that the record can be named; else what it says of them. */
function readRuns({ name, spec }: NamedSegment): readonly FoundRun[] {
  const runs = unpack(spec.body)
    ?.split('\n')
    .filter((line) => line !== '')
    .map(parseRun)
  if (runs?.every((run) => run !== null)) return runs.map((run) => ({ ...run, where: name, end: null }))
  return spec.sources.map(({ source, namespace, pod, toSeq, lastHash }) => {
    const end = { seq: toSeq, hash: lastHash }
    return { source, namespace, pod, lines: [], where: name, end }
  })
}

function unpack(body: string): string | null {
  try {
    return gunzipSync(Buffer.from(body, 'base64'), { maxOutputLength: maxSegmentBodyBytes }).toString('utf8')
  } catch {
    return null
  }
}

function groupByStream(segments: readonly NamedSegment[]): ReadonlyMap<string, readonly NamedSegment[]> {
  const streams = new Map<string, NamedSegment[]>()
  for (const segment of segments)
    streams.set(segment.spec.stream, [...(streams.get(segment.spec.stream) ?? []), segment])
  for (const members of streams.values()) members.sort((left, right) => left.spec.seq - right.spec.seq)
  return new Map([...streams].sort(([left], [right]) => (left < right ? -1 : 1)))
}

function verifyStream(members: readonly NamedSegment[]): readonly LogProblem[] {
  const problems: LogProblem[] = []
  let before: NamedSegment | null = null
  for (const segment of members) {
    const own = verifySegment(segment)
    problems.push(...own, ...verifyLink(before, segment))
    before = segment
  }
  return problems
}

function verifySegment({ name, spec }: NamedSegment): readonly LogProblem[] {
  const wrong = (problem: string, message: string): readonly LogProblem[] => [problemOf(name, problem, message)]
  const opened = openSegment(spec)
  if (!opened.ok) return wrong('edited', opened.message)
  if (name !== segmentName(spec.stream, spec.seq)) {
    return wrong('misnamed', `a segment that says it is ${segmentName(spec.stream, spec.seq)} has another name`)
  }
  const body = opened.runs.map(encodeRun).join('')
  const resealed = sealSegment(spec.stream, spec.seq, spec.prevSegmentHash, body)
  if (segmentHash(resealed) !== segmentHash(spec)) {
    return wrong('edited', 'what the segment says of its body does not match the body: it was edited')
  }
  return []
}

function verifyLink(before: NamedSegment | null, { name, spec }: NamedSegment): readonly LogProblem[] {
  const wrong = (problem: string, message: string): readonly LogProblem[] => [problemOf(name, problem, message)]
  const wanted = (before?.spec.seq ?? 0) + 1
  if (spec.seq > wanted) {
    const missing = segmentName(spec.stream, wanted)
    const upTo = spec.seq - 1 === wanted ? '' : ` to ${segmentName(spec.stream, spec.seq - 1)}`
    return [problemOf(`${missing}${upTo}`, 'gap', `missing before ${name}`)]
  }
  if (spec.seq < wanted) return wrong('duplicate', 'another segment has the same number in the stream')
  const expected = before ? segmentHash(before.spec) : noSegment
  if (spec.prevSegmentHash === expected) return []
  const other = before ? before.name : 'the beginning of the stream'
  return wrong('broken-chain', `it does not continue ${other}: one of the two was edited or replaced`)
}

function problemOf(where: string, problem: string, message: string): LogProblem {
  return { where, source: null, seq: null, problem, message }
}

interface VerifiedRecords {
  readonly count: number
  readonly sources: LogReport['sources']
  readonly declaredGaps: LogReport['declaredGaps']
  readonly problems: readonly LogProblem[]
}

function verifySources(runs: readonly FoundRun[]): VerifiedRecords {
  const bySource = new Map<string, FoundRun[]>()
  for (const run of runs) bySource.set(run.source, [...(bySource.get(run.source) ?? []), run])
  const problems: LogProblem[] = []
  const sources: { source: string; seq: number; hash: string }[] = []
  const declaredGaps: { where: string; seq: number; reason: string }[] = []
  let count = 0
  for (const [source, found] of bySource) {
    let position: ChainPosition = chainStart
    const known = new Set<string>()
    for (const run of found.sort((left, right) => firstSeq(left) - firstSeq(right))) {
      // A batch whose answer was lost comes again; the same bytes twice are no more and no less evidence.
      const lines = run.lines.filter((line) => !known.has(line))
      for (const line of lines) known.add(line)
      count += lines.length
      const result = verifyLines(lines, position)
      if (!result.ok) {
        const { seq, problem, message } = result
        problems.push({
          where: run.where,
          source,
          seq,
          problem,
          message: `${lineOf(run, lines, result.index)}${message}`,
        })
      }
      position = run.end ?? (result.ok ? (result.last ?? position) : lastPosition(lines, position))
      declaredGaps.push(...gapsOf(run.where, lines))
    }
    sources.push({ source, seq: position.seq, hash: position.hash })
  }
  return { count, sources, declaredGaps, problems }
}

/** Where a record cannot say its `seq`, its place in the file must do. */
function lineOf(run: FoundRun, lines: readonly string[], index: number): string {
  if (run.source !== run.where) return ''
  const line = run.lines.indexOf(lines[index] ?? '') + 1
  return line === 0 ? '' : `line ${line}: `
}

/** Where to go on after a problem, so that one edited record is one problem. */
function lastPosition(lines: readonly string[], before: ChainPosition): ChainPosition {
  const last = lines.map(parseRecord).findLast((record) => record !== null)
  return last ? { seq: last.seq, hash: last.hash } : before
}

function firstSeq(run: FoundRun): number {
  for (const line of run.lines) {
    const record = parseRecord(line)
    if (record) return record.seq
  }
  return run.end?.seq ?? 0
}

function gapsOf(where: string, lines: readonly string[]): LogReport['declaredGaps'] {
  return lines
    .map(parseRecord)
    .filter((record) => record?.fields.kind === 'Gap')
    .map((record) => ({ where, seq: record?.seq ?? 0, reason: text(record?.fields.reason) }))
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
