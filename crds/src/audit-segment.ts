/**
 * A sealed run of audit records, as an AuditSegment holds it. The body is newline-delimited JSON, each line a run of one
 * source's records ({@link AuditRun}); segments of one stream are chained by {@link segmentHash}.
 */
import { createHash } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import { parseRecord } from './audit-chain.ts'
import { canonicalJson } from './digest.ts'

/** A run of records of one source without a gap. */
export interface AuditRun {
  /** `<pod UID>/<boot id>`. */
  readonly source: string
  readonly namespace: string
  readonly pod: string
  /** Byte for byte as the sidecar wrote them, without line ends. */
  readonly lines: readonly string[]
}

export interface SegmentSource {
  readonly source: string
  readonly namespace: string
  readonly pod: string
  readonly fromSeq: number
  readonly toSeq: number
  /** `prev` of the first record. */
  readonly prevHash: string
  /** `hash` of the last record. */
  readonly lastHash: string
}

export interface SegmentSpec {
  readonly stream: string
  readonly seq: number
  /** {@link segmentHash} of the segment before; {@link noSegment} in the first. */
  readonly prevSegmentHash: string
  /** Hex sha256 of the body before compression. */
  readonly bodySha256: string
  readonly count: number
  readonly allowed: number
  readonly denied: number
  readonly firstTime: string
  readonly lastTime: string
  readonly sources: readonly SegmentSource[]
  readonly encoding: 'Gzip'
  /** Base64. */
  readonly body: string
}

export const noSegment = '0'.repeat(64)

/** The most bytes a body may unpack to: a segment that claims more is refused, not unpacked. */
export const maxSegmentBodyBytes = 16 * 1024 * 1024

/** One line of a body, with its line end. */
export function encodeRun(run: AuditRun): string {
  const { source, namespace, pod, lines } = run
  return `${JSON.stringify({ source, namespace, pod, lines })}\n`
}

/** Reads a line of a body; null where it was cut or is none. */
export function parseRun(line: string): AuditRun | null {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value !== 'object' || value === null) return null
    if (!('source' in value) || !('namespace' in value) || !('pod' in value) || !('lines' in value)) return null
    const { source, namespace, pod, lines } = value
    if (typeof source !== 'string' || typeof namespace !== 'string' || typeof pod !== 'string') return null
    if (!Array.isArray(lines) || !lines.every((item) => typeof item === 'string')) return null
    return { source, namespace, pod, lines }
  } catch {
    return null
  }
}

/**
 * Seals a body.
 * @param body  lines of {@link encodeRun}.
 */
export function sealSegment(stream: string, seq: number, prevSegmentHash: string, body: string): SegmentSpec {
  const summary = summarize(body.split('\n').filter((line) => line !== ''))
  return {
    stream,
    seq,
    prevSegmentHash,
    bodySha256: createHash('sha256').update(body, 'utf8').digest('hex'),
    ...summary,
    encoding: 'Gzip',
    body: gzipSync(body, { level: 9 }).toString('base64'),
  }
}

/** Hex sha256 of what a segment says about itself and its body: the link of the chain of segments. */
export function segmentHash(spec: Omit<SegmentSpec, 'body'> & { readonly body?: string }): string {
  return createHash('sha256')
    .update(canonicalJson({ ...spec, body: undefined }))
    .digest('hex')
}

/** `<stream>-<seq, ten digits>`: with it, create is a compare-and-swap. */
export function segmentName(stream: string, seq: number): string {
  return `${stream}-${String(seq).padStart(10, '0')}`
}

export type OpenedSegment =
  { readonly ok: true; readonly runs: readonly AuditRun[] } | { readonly ok: false; readonly message: string }

/** Unpacks a body and checks it against `bodySha256`; the chains inside are for `verifyLines`. */
export function openSegment(spec: Pick<SegmentSpec, 'body' | 'bodySha256'>): OpenedSegment {
  let text: string
  try {
    text = gunzipSync(Buffer.from(spec.body, 'base64'), { maxOutputLength: maxSegmentBodyBytes }).toString('utf8')
  } catch {
    return { ok: false, message: 'the body cannot be unpacked: it was cut or edited' }
  }
  const digest = createHash('sha256').update(text, 'utf8').digest('hex')
  if (digest !== spec.bodySha256) return { ok: false, message: 'the body does not match bodySha256: it was edited' }
  const runs: AuditRun[] = []
  for (const line of text.split('\n')) {
    if (line === '') continue
    const run = parseRun(line)
    if (!run) return { ok: false, message: 'a line of the body is no run of records' }
    runs.push(run)
  }
  return { ok: true, runs }
}

type Summary = Pick<SegmentSpec, 'count' | 'allowed' | 'denied' | 'firstTime' | 'lastTime' | 'sources'>

function summarize(lines: readonly string[]): Summary {
  const sources = new Map<string, SegmentSource>()
  let [count, allowed, denied] = [0, 0, 0]
  let [firstTime, lastTime] = ['', '']
  for (const run of lines.map(parseRun)) {
    for (const line of run?.lines ?? []) {
      const record = parseRecord(line)
      if (!run || !record) continue
      count += 1
      if (record.fields.phase === 'Intent' && record.fields.decision === 'Allow') allowed += 1
      if (record.fields.phase === 'Intent' && record.fields.decision === 'Deny') denied += 1
      if (firstTime === '' || record.time < firstTime) firstTime = record.time
      if (record.time > lastTime) lastTime = record.time
      const { source, namespace, pod } = run
      const before = sources.get(source) ?? { source, namespace, pod, fromSeq: record.seq, prevHash: record.prev }
      sources.set(source, { ...before, toSeq: record.seq, lastHash: record.hash })
    }
  }
  return { count, allowed, denied, firstTime, lastTime, sources: [...sources.values()] }
}
