import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const corpusFiles = ['attacks-postgres', 'variants-postgres', 'benign-postgres'] as const
export type CorpusFile = (typeof corpusFiles)[number]

/** One case of the corpora. */
export interface CorpusRecord {
  readonly id: string
  readonly file: CorpusFile
  readonly category: string
  readonly grant: 'read-only' | 'read-write-no-ddl' | 'masked'
  readonly expected: 'deny' | 'mask' | 'cap' | 'allow'
  readonly run_as?: string
  readonly tier?: string
  readonly sql?: string
  readonly sql_parts?: readonly (readonly [string, number])[]
  readonly steps?: readonly Step[]
  readonly pre_sql?: string
  readonly setup?: string | readonly SetupStatement[]
  readonly startup_options?: string
  readonly evidence?: Evidence
  readonly must_not_appear?: readonly string[]
  readonly also_ok?: readonly string[]
  readonly server_refuses?: boolean
  readonly deny_is_failure?: boolean
}

export type SetupStatement = string | { readonly as: string; readonly sql: string }

/** What the attack was proven with, straight to the server. */
export interface Evidence {
  readonly probe?: string
  readonly received?: string
  readonly in_message?: string
  readonly sqlstate?: string
  readonly error?: readonly unknown[]
  readonly rows?: string
  readonly rows_received?: number
  readonly elapsed_at_least_s?: number
  readonly followup?: string
  readonly got?: string
  readonly binary_date_bytes?: unknown
  readonly copy_data_messages?: unknown
  readonly victim?: unknown
}

/** One thing the client does; exactly one of the fields besides `conn` and `startup`'s own. */
export interface Step {
  readonly conn?: string
  readonly startup?: Readonly<Record<string, string>>
  readonly ssl_request_first?: boolean
  readonly query?: string
  readonly query_hex?: string
  readonly query_no_wait?: string
  readonly read_until_ready?: boolean
  readonly read_async_for_s?: number
  readonly sleep_s?: number
  readonly as_superuser?: string
  readonly parse?: { readonly name?: string; readonly sql: string; readonly types?: readonly number[] }
  readonly bind?: {
    readonly portal?: string
    readonly stmt?: string
    readonly params?: readonly (string | number | null)[]
    readonly result_formats?: readonly number[]
  }
  readonly describe?: { readonly kind?: 'P' | 'S'; readonly name?: string }
  readonly execute?: { readonly portal?: string; readonly max_rows?: number }
  readonly close?: { readonly kind?: 'P' | 'S'; readonly name?: string }
  readonly flush?: boolean
  readonly sync?: boolean
  readonly function_call?: { readonly function: string; readonly args: readonly string[] }
  readonly copy_data?: string
  readonly times?: number
  readonly copy_done?: boolean
  readonly copy_fail?: boolean
  readonly raw_bytes_hex?: string
  readonly cancel_request_with_key_of_conn?: string
  readonly terminate?: boolean
  readonly repeat?: { readonly from: number; readonly to: number }
  readonly steps?: readonly Step[]
}

export const corpora = join(import.meta.dirname, '../corpora')

/** Attacks, variants of them, then benign cases. */
export function readCorpus(): readonly CorpusRecord[] {
  return corpusFiles.flatMap((file) =>
    readFileSync(join(corpora, `${file}.jsonl`), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => ({ ...(JSON.parse(line) as Omit<CorpusRecord, 'file'>), file })),
  )
}

/** Text of a case that is one statement; null where it has steps. */
export function textOf({ sql, sql_parts: parts }: CorpusRecord): string | null {
  if (sql !== undefined) return sql
  return parts ? parts.map(([text, times]) => text.repeat(times)).join('') : null
}

/** The steps of a case, repetitions written out. */
export function stepsOf(record: CorpusRecord): readonly Step[] {
  const steps = record.steps ?? [{ query: textOf(record) ?? '' }]
  return steps.flatMap((step) => {
    if (!step.repeat) return [step]
    const { from, to } = step.repeat
    const text = JSON.stringify(step.steps ?? [])
    const numbers = Array.from({ length: to - from + 1 }, (_, index) => from + index)
    return numbers.flatMap((number) => JSON.parse(text.replaceAll('{i}', String(number))) as Step[])
  })
}
