import type { Group } from './check.ts'
import type { Result } from './finding.ts'
import type { Checked } from './run-checks.ts'

/** How many lines of a list are told. */
export const maxItems = 10

/** One check as `-o json` prints it; documented in docs/doctor.md. */
export interface ReportedCheck {
  readonly id: string
  readonly group: Group
  readonly result: Result
  readonly message: string
  /** Null unless `Warning` or `Failed`. */
  readonly fix: string | null
  /** At most {@link maxItems}. */
  readonly items: readonly string[]
  /** How many items are not told. */
  readonly moreItems: number
  /** The right that is missing; null unless `Skipped` for want of one. */
  readonly missingRight: string | null
}

export interface Report {
  readonly kind: 'DoctorReport'
  /** Grows when a field is taken away or changes its meaning. */
  readonly formatVersion: 1
  /** Version of the command. */
  readonly version: string
  readonly server: string
  readonly release: { readonly namespace: string; readonly name: string }
  /** The worst of all; what was skipped does not count. */
  readonly result: Exclude<Result, 'Skipped'>
  readonly counts: Readonly<Record<Result, number>>
  readonly checks: readonly ReportedCheck[]
}

/** A finding in its bounded form. */
export function reportCheck({ check, finding }: Checked): ReportedCheck {
  const items = finding.result === 'Skipped' ? [] : (finding.items ?? [])
  return {
    id: check.id,
    group: check.group,
    result: finding.result,
    message: oneLine(finding.message),
    fix: finding.result === 'Warning' || finding.result === 'Failed' ? finding.fix : null,
    items: items.slice(0, maxItems).map(oneLine),
    moreItems: Math.max(0, items.length - maxItems),
    missingRight: finding.result === 'Skipped' ? (finding.right ?? null) : null,
  }
}

/** Sums up. */
export function makeReport(
  about: Pick<Report, 'version' | 'server' | 'release'>,
  checks: readonly ReportedCheck[],
): Report {
  // prettier-ignore
  const count = (result: Result): number => checks.filter((check) => check.result === result).length
  const counts = { Ok: count('Ok'), Warning: count('Warning'), Failed: count('Failed'), Skipped: count('Skipped') }
  const result = counts.Failed > 0 ? 'Failed' : counts.Warning > 0 ? 'Warning' : 'Ok'
  return { kind: 'DoctorReport', formatVersion: 1, ...about, result, counts, checks }
}

const marks: Readonly<Record<Result, string>> = { Ok: '✓', Warning: '!', Failed: '✗', Skipped: '-' }
const idWidth = 20

/** The lines of one check. @param previous  the check before; null: it is the first. */
export function formatCheck(check: ReportedCheck, previous: ReportedCheck | null): string {
  const heading = check.group === previous?.group ? '' : `${previous === null ? '' : '\n'}${check.group}\n`
  const indent = ' '.repeat(idWidth + 4)
  const lines = [
    `  ${marks[check.result]} ${check.id.padEnd(idWidth)}${check.message}`,
    ...check.items.map((item) => `${indent}  ${item}`),
    ...(check.moreItems > 0 ? [`${indent}  … and ${check.moreItems} more`] : []),
    ...(check.missingRight === null ? [] : [`${indent}needed: ${check.missingRight}`]),
    ...(check.fix === null ? [] : [`${indent}→ ${check.fix}`]),
  ]
  return `${heading}${lines.join('\n')}\n`
}

/** The last line. */
export function formatSummary({ counts }: Pick<Report, 'counts'>): string {
  const parts = [
    `${counts.Ok} ok`,
    `${counts.Warning} ${counts.Warning === 1 ? 'warning' : 'warnings'}`,
    `${counts.Failed} failed`,
    ...(counts.Skipped > 0 ? [`${counts.Skipped} skipped`] : []),
  ]
  return `\n${parts.join(', ')}\n`
}

/** What others wrote may hold line breaks, or sequences a terminal obeys. */
function oneLine(text: string): string {
  const clean = text.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim()
  return clean.length > 400 ? `${clean.slice(0, 399)}…` : clean
}
