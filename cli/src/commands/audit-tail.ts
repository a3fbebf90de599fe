import { open, type FileHandle } from 'node:fs/promises'
import { openSegment, parseRecord } from '@sallyport/crds'
import { CliError, exitCodes, type ExitCode } from '../cli-error.ts'
import type { Io } from '../io.ts'
import { formatRecord } from '../audit/format-record.ts'
import { readAuditFile, readAuditFolder } from '../audit/read-files.ts'
import type { NamedSegment } from '../audit/verify-log.ts'
import type { AuditFlags } from './audit-verify.ts'

export interface TailFlags extends AuditFlags {
  /** How many of the last records to show. */
  readonly lines: number
  /** Go on with what comes. */
  readonly follow: boolean
}

/** `sallyport audit tail`: shows records; it does not verify them. */
export async function tailAudit(flags: TailFlags, io: Io): Promise<ExitCode> {
  if (flags.follow && flags.dir !== undefined) {
    throw new CliError('bad-usage', '--follow does not go with --dir', exitCodes.unusable)
  }
  if (flags.file !== undefined) await tailFile(flags, flags.file, io)
  else if (flags.dir !== undefined) show(flags, recordsOf((await readAuditFolder(flags.dir)).segments), io)
  else await tailCluster(flags, io)
  return exitCodes.ok
}

async function tailCluster(flags: TailFlags, io: Io): Promise<void> {
  const { KubeSegments } = await import('../audit/kube-segments.ts')
  const cluster = new KubeSegments(flags)
  const segments: NamedSegment[] = []
  const list = cluster.list()
  let step = await list.next()
  for (; step.done !== true; step = await list.next()) segments.push(step.value)
  show(flags, recordsOf(segments), io)
  if (!flags.follow) return
  try {
    for await (const segment of cluster.watch(step.value, io.signal))
      show({ ...flags, lines: Infinity }, recordsOf([segment]), io)
  } catch (cause) {
    if (!io.signal.aborted) throw cause
  }
}

async function tailFile(flags: TailFlags, path: string, io: Io): Promise<void> {
  const found = await readAuditFile(path)
  const [log] = found.logs
  if (!log) {
    show(flags, recordsOf(found.segments), io)
    return
  }
  const whole = log.text.slice(0, log.text.lastIndexOf('\n') + 1)
  show(flags, whole.split('\n').slice(0, -1), io)
  if (flags.follow) await followFile(flags, path, Buffer.byteLength(whole), io)
}

const pollMs = 100

async function followFile(flags: TailFlags, path: string, from: number, io: Io): Promise<void> {
  const file = await open(path, 'r')
  let offset = from
  try {
    while (!io.signal.aborted) {
      const text = await readFrom(file, offset)
      const end = text.lastIndexOf('\n') + 1
      if (end > 0) show({ ...flags, lines: Infinity }, text.slice(0, end).split('\n').slice(0, -1), io)
      offset += Buffer.byteLength(text.slice(0, end))
      if (end === 0) await new Promise((resolve) => setTimeout(resolve, pollMs))
    }
  } finally {
    await file.close()
  }
}

async function readFrom(file: FileHandle, offset: number): Promise<string> {
  const { size } = await file.stat()
  const bytes = Buffer.alloc(Math.max(0, Math.min(size - offset, 1 << 20)))
  const { bytesRead } = await file.read(bytes, 0, bytes.length, offset)
  const whole = bytes.subarray(0, bytes.subarray(0, bytesRead).lastIndexOf(0x0a) + 1)
  return whole.toString('utf8')
}

/** Records of segments, oldest first. */
function recordsOf(segments: readonly NamedSegment[]): readonly string[] {
  const lines = segments.flatMap(({ spec }) => {
    const opened = openSegment(spec)
    return opened.ok ? opened.runs.flatMap((run) => run.lines) : []
  })
  return lines
    .map((line) => ({ line, time: parseRecord(line)?.time ?? '' }))
    .sort((left, right) => (left.time < right.time ? -1 : left.time > right.time ? 1 : 0))
    .map(({ line }) => line)
}

function show(flags: Pick<TailFlags, 'lines' | 'output'>, records: readonly string[], io: Io): void {
  const last = Number.isFinite(flags.lines) ? records.slice(Math.max(0, records.length - flags.lines)) : records
  for (const line of last) io.stdout.write(`${flags.output === 'json' ? line : formatRecord(line)}\n`)
}
