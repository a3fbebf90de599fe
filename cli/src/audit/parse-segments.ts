import { parseAllDocuments } from 'yaml'
import type { SegmentSource, SegmentSpec } from '@sallyport/crds'
import { CliError, exitCodes } from '../cli-error.ts'
import type { NamedSegment } from './verify-log.ts'

/**
 * AuditSegments of a file as kubectl writes them: YAML or JSON, one object, several documents or a List.
 * @throws CliError `bad-file` for anything else.
 */
export function parseSegmentFile(file: string, text: string): readonly NamedSegment[] {
  const documents = parseAllDocuments(text)
  const segments: NamedSegment[] = []
  for (const document of documents) {
    if (document.errors[0]) throw badFile(file, document.errors[0].message.split('\n')[0] ?? 'no YAML')
    const value: unknown = document.toJS()
    if (value === null || value === undefined) continue
    for (const item of isObject(value) && Array.isArray(value.items) ? value.items : [value]) {
      const segment = parseSegment(item)
      if (!segment) throw badFile(file, 'it holds something that is no AuditSegment')
      segments.push(segment)
    }
  }
  return segments
}

/** An AuditSegment object; null where it is none. Fields nobody knows are kept: they change the segment's hash. */
export function parseSegment(value: unknown): NamedSegment | null {
  if (!isObject(value) || !isObject(value.metadata) || !isObject(value.spec)) return null
  if (value.kind !== undefined && value.kind !== 'AuditSegment') return null
  const { name } = value.metadata
  if (typeof name !== 'string' || !isSpec(value.spec)) return null
  return { name, spec: value.spec }
}

function isSpec(spec: Readonly<Record<string, unknown>>): spec is SegmentSpec & Readonly<Record<string, unknown>> {
  const strings = ['stream', 'prevSegmentHash', 'bodySha256', 'firstTime', 'lastTime', 'encoding', 'body']
  const numbers = ['seq', 'count', 'allowed', 'denied']
  return (
    strings.every((key) => typeof spec[key] === 'string') &&
    numbers.every((key) => Number.isSafeInteger(spec[key])) &&
    Array.isArray(spec.sources) &&
    spec.sources.every(isSource)
  )
}

function isSource(value: unknown): value is SegmentSource {
  if (!isObject(value)) return false
  const strings = ['source', 'namespace', 'pod', 'prevHash', 'lastHash']
  return (
    strings.every((key) => typeof value[key] === 'string') &&
    ['fromSeq', 'toSeq'].every((key) => Number.isSafeInteger(value[key]))
  )
}

function badFile(file: string, problem: string): CliError {
  return new CliError('bad-file', `${file}: ${problem}`, exitCodes.unusable)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
