import { readFile } from 'node:fs/promises'
import { pino } from 'pino'
import { CatalogError, checkStatements, FolderError, type CheckedStatement } from '@sallyport/sidecar'
import { CliError, exitCodes, type ExitCode } from '../cli-error.ts'
import type { Io } from '../io.ts'
import { folderCompiler } from '../policy-compiler.ts'
import { readAll } from '../read-all.ts'

export interface CheckFlags {
  readonly filename: string
  readonly grant?: string
  readonly subject?: string
  readonly database?: string
  readonly sql?: string
  readonly sqlFile?: string
  readonly catalog?: string
  readonly saveCatalog?: string
  readonly opaBin?: string
  readonly output: 'table' | 'json'
}

/**
 * `sallyport check`: 0 when every statement is allowed, 1 when some are denied.
 * @throws CliError `bad-manifest`, `bad-usage`, `bad-file` or `catalog-unavailable`.
 */
export async function runCheck(flags: CheckFlags, io: Io): Promise<ExitCode> {
  const sql = await readSql(flags, io)
  const results = await judge(flags, sql)
  io.stdout.write(flags.output === 'json' ? `${JSON.stringify(results, null, 2)}\n` : table(results))
  return results.every((result) => result.decision === 'Allow') ? exitCodes.ok : exitCodes.failed
}

async function judge(flags: CheckFlags, sql: Buffer): Promise<readonly CheckedStatement[]> {
  const { filename: dir, grant, database, catalog, saveCatalog } = flags
  const subject = flags.subject === undefined ? {} : { subject: parseSubject(flags.subject) }
  try {
    return await checkStatements({
      dir,
      sql,
      ...(grant === undefined ? {} : { grant }),
      ...subject,
      ...(database === undefined ? {} : { database }),
      ...(catalog === undefined ? {} : { catalogFile: catalog }),
      ...(saveCatalog === undefined ? {} : { saveCatalogTo: saveCatalog }),
      compilePolicy: folderCompiler(flags.opaBin),
      clock: { now: () => Date.now(), monotonic: () => performance.now() },
      log: pino({ enabled: false }),
    })
  } catch (cause) {
    if (cause instanceof FolderError) throw new CliError('bad-manifest', cause.message, exitCodes.unusable, { cause })
    if (!(cause instanceof CatalogError)) throw cause
    const hint = catalog === undefined ? '\nname a saved one with --catalog' : ''
    throw new CliError('catalog-unavailable', `${cause.message}${hint}`, exitCodes.unusable, { cause })
  }
}

async function readSql({ sql, sqlFile }: CheckFlags, io: Io): Promise<Buffer> {
  if ((sql === undefined) === (sqlFile === undefined)) {
    throw new CliError('bad-usage', 'give the statements with --sql or --sql-file', exitCodes.unusable)
  }
  if (sql !== undefined) return Buffer.from(sql)
  if (sqlFile === '-') return readAll(io.stdin)
  try {
    return await readFile(sqlFile ?? '')
  } catch (cause) {
    throw new CliError('bad-file', `${sqlFile ?? ''} cannot be read`, exitCodes.unusable, { cause })
  }
}

function parseSubject(text: string): { readonly namespace: string; readonly serviceAccount: string } {
  const [namespace = '', serviceAccount = '', ...rest] = text.split('/')
  if (namespace !== '' && serviceAccount !== '' && rest.length === 0) return { namespace, serviceAccount }
  throw new CliError('bad-usage', '--subject must be NAMESPACE/SERVICEACCOUNT', exitCodes.unusable)
}

function table(results: readonly CheckedStatement[]): string {
  return results.map((result) => `${result.decision.padEnd(5)} ${oneLine(result.text)}\n${explain(result)}`).join('')
}

function explain(result: CheckedStatement): string {
  const parts =
    result.decision === 'Deny'
      ? [
          `reason=${result.reason ?? ''}`,
          ...named('object', result.object),
          ...named('rule', result.rule),
          result.message,
        ]
      : [
          ...named('grant', result.grant),
          ...result.masks.map(({ column, mask }) => `mask=${column}:${mask}`),
          ...named('rowLimit', result.rowLimit),
          ...named('maxAffectedRows', result.maxAffectedRows),
        ]
  return `      ${parts.join(' ')}\n`
}

function named(key: string, value: string | number | null): readonly string[] {
  return value === null
    ? []
    : [`${key}=${typeof value === 'number' || /^\S+$/.test(value) ? value : JSON.stringify(value)}`]
}

function oneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ')
  return line.length > 100 ? `${line.slice(0, 99)}…` : line
}
