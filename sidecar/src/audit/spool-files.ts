import { readdirSync, readFileSync, renameSync, truncateSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { verifyLines } from '@sallyport/crds'

/** One file of a spool, as far as a reader may go. */
export interface SpoolFile {
  readonly path: string
  /** `seq` of its first and last record. */
  readonly firstSeq: number
  lastSeq: number
  lengthBytes: number
}

/** The records an earlier boot left behind. */
export interface Leftover {
  readonly bootId: string
  readonly files: readonly SpoolFile[]
}

export interface LeftoverScan {
  readonly leftovers: readonly Leftover[]
  /** Sentences for Gap records: what was found that is no chain of records any more. */
  readonly gaps: readonly string[]
}

export function spoolFileName(bootId: string, number: number): string {
  return `${bootId}-${String(number).padStart(8, '0')}.jsonl`
}

/**
 * Finds the files earlier boots left in `dir`, oldest file first within a boot. A torn line at the end, written by a
 * process that was killed in the middle of it, is cut off: its append never returned. A file that is broken otherwise is
 * set aside under `.corrupt` and declared as a gap, so that it cannot hold up what can be shipped.
 */
export function scanLeftovers(dir: string): LeftoverScan {
  const boots = new Map<string, SpoolFile[]>()
  const gaps: string[] = []
  for (const { name, bootId } of listSpoolFiles(dir)) {
    const path = join(dir, name)
    const found = repairSpoolFile(path)
    if (found === 'broken') {
      renameSync(path, `${path}.corrupt`)
      gaps.push(`records of boot ${bootId} cannot be read; the file was set aside as ${name}.corrupt`)
    } else if (found) {
      boots.set(bootId, [...(boots.get(bootId) ?? []), found])
    }
  }
  const leftovers = [...boots].map(([bootId, files]) => ({ bootId, files }))
  return { leftovers, gaps }
}

interface FoundName {
  readonly name: string
  readonly bootId: string
  readonly number: number
}

function listSpoolFiles(dir: string): readonly FoundName[] {
  return readdirSync(dir)
    .map((name) => ({ name, match: /^([A-Za-z0-9-]+)-(\d{8})\.jsonl$/.exec(name) }))
    .flatMap(({ name, match }) => (match ? [{ name, bootId: match[1] ?? '', number: Number(match[2]) }] : []))
    .sort((left, right) =>
      left.bootId === right.bootId ? left.number - right.number : left.bootId < right.bootId ? -1 : 1,
    )
}

function repairSpoolFile(path: string): SpoolFile | 'broken' | null {
  const bytes = readFileSync(path)
  const lengthBytes = bytes.lastIndexOf(0x0a) + 1
  if (lengthBytes === 0) {
    unlinkSync(path)
    return null
  }
  if (lengthBytes < bytes.length) truncateSync(path, lengthBytes)
  const lines = bytes.toString('utf8', 0, lengthBytes - 1).split('\n')
  const result = verifyLines(lines)
  if (!result.ok || !result.first || !result.last) return 'broken'
  return { path, firstSeq: result.first.seq, lastSeq: result.last.seq, lengthBytes }
}

/** `seq` of a line known to be a record; it is the first key. */
export function seqOf(line: string): number {
  return Number.parseInt(line.slice('{"seq":'.length), 10)
}
