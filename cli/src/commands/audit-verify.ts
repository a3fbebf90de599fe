import { readFile } from 'node:fs/promises'
import { CliError, exitCodes, type ExitCode } from '../cli-error.ts'
import type { Io } from '../io.ts'
import { readAuditFile, readAuditFolder, type FoundFiles } from '../audit/read-files.ts'
import {
  compareReports,
  hashLookup,
  verifyFile,
  verifySegments,
  type LogProblem,
  type LogReport,
  type NamedSegment,
} from '../audit/verify-log.ts'

export interface AuditFlags {
  readonly file?: string
  readonly dir?: string
  readonly kubeconfig?: string
  readonly context?: string
  readonly namespace: string
  readonly output: 'table' | 'json'
}

export interface VerifyFlags extends AuditFlags {
  /** A report of an earlier `verify -o json`. */
  readonly against?: string
}

/** `sallyport audit verify`. @throws CliError `audit-broken` naming what is wrong; the report goes to stdout before. */
export async function verifyAudit(flags: VerifyFlags, io: Io): Promise<ExitCode> {
  const found = await find(flags)
  if (found.segments.length === 0 && (found.logs[0]?.text ?? '') === '') {
    const where = flags.file ?? `namespace ${flags.namespace}`
    throw new CliError('nothing-to-verify', `${where} holds no record; nothing at all is no proof`, exitCodes.unusable)
  }
  const own = found.logs[0] ? verifyFile(found.logs[0].name, found.logs[0].text) : verifySegments(found.segments)
  const earlier = flags.against === undefined ? null : await readReport(flags.against)
  const gone = earlier ? compareReports(earlier, hashLookup(found.segments, found.logs)) : []
  const report: LogReport = { ...own, ok: own.ok && gone.length === 0, problems: [...own.problems, ...gone] }
  if (flags.output === 'json') io.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
  else io.stdout.write(summary(report))
  if (report.ok) return exitCodes.ok
  for (const problem of report.problems) io.stderr.write(`sallyport: audit-broken: ${describe(problem)}\n`)
  return exitCodes.failed
}

/** Where the flags say: a file, a folder, or the cluster. */
async function find(flags: AuditFlags): Promise<FoundFiles> {
  if (flags.file !== undefined) return readAuditFile(flags.file)
  if (flags.dir !== undefined) return readAuditFolder(flags.dir)
  const { KubeSegments } = await import('../audit/kube-segments.ts')
  const segments: NamedSegment[] = []
  for await (const segment of new KubeSegments(flags).list()) segments.push(segment)
  return { segments, logs: [] }
}

function summary(report: LogReport): string {
  const where =
    report.segments === 0
      ? ''
      : ` in ${plural(report.segments, 'segment')} of ${plural(report.streams.length, 'stream')}`
  const verdict = report.ok ? 'intact' : plural(report.problems.length, 'problem')
  const gaps = report.declaredGaps.map((gap) => `declared gap at ${gap.where} seq ${gap.seq}: ${gap.reason}\n`)
  return `${plural(report.records, 'record')} of ${plural(report.sources.length, 'source')}${where}: ${verdict}\n${gaps.join('')}`
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

function describe({ where, source, seq, problem, message }: LogProblem): string {
  const record = seq === null ? '' : ` record ${seq}`
  const of = source === null || source === where ? '' : ` of ${source}`
  return `${where}${record}${of}: ${problem}: ${message}`
}

async function readReport(path: string): Promise<Pick<LogReport, 'streams' | 'sources'>> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'))
    if (isReport(value)) return value
  } catch (cause) {
    throw new CliError('bad-file', `${path} cannot be read as a report of verify -o json`, exitCodes.unusable, {
      cause,
    })
  }
  throw new CliError('bad-file', `${path} is no report of verify -o json`, exitCodes.unusable)
}

function isReport(value: unknown): value is Pick<LogReport, 'streams' | 'sources'> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'streams' in value &&
    'sources' in value &&
    isPositions(value.streams, 'stream') &&
    isPositions(value.sources, 'source')
  )
}

function isPositions(value: unknown, key: string): boolean {
  return (
    Array.isArray(value) &&
    value.every(
      (item: unknown) => typeof item === 'object' && item !== null && key in item && 'seq' in item && 'hash' in item,
    )
  )
}
