import { readFile, writeFile } from 'node:fs/promises'
import type { DatabaseBinding } from '@sallyport/crds'
import { loadCatalog, type Catalog } from './analysis/load-catalog.ts'
import { searchPathQuery } from './session/segment.ts'
import { connectUpstream } from './session/upstream.ts'
import { queryUpstream, type TextRow } from './session/upstream-query.ts'

/** What the server answered when its schema was read: metadata only, so that it can lie beside policies in Git. */
interface CatalogFile {
  readonly kind: 'SallyportCatalog'
  readonly version: 1
  readonly answers: readonly { readonly query: string; readonly rows: readonly TextRow[] }[]
}

/** A catalog and where names without a schema are looked up. */
export interface Schema {
  readonly catalog: Catalog
  readonly searchPath: readonly string[]
}

/** A schema cannot be had. */
export class CatalogError extends Error {
  override readonly name = 'CatalogError'
}

/**
 * Reads the schema from the server of a Database, and keeps it in `saveTo` where that is given.
 * @throws CatalogError when the server cannot be used.
 */
export async function readCatalog(binding: DatabaseBinding, timeoutMs: number, saveTo?: string): Promise<Schema> {
  const answers: { query: string; rows: readonly TextRow[] }[] = []
  const schema = await readLive(binding, timeoutMs, answers).catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : 'unknown'
    throw new CatalogError(`the schema of Database ${binding.namespace}/${binding.name} cannot be read: ${why}`, {
      cause,
    })
  })
  if (saveTo === undefined) return schema
  const file: CatalogFile = { kind: 'SallyportCatalog', version: 1, answers }
  await writeFile(saveTo, `${JSON.stringify(file, null, 1)}\n`).catch((cause: unknown) => {
    throw new CatalogError(`${saveTo} cannot be written`, { cause })
  })
  return schema
}

/** @throws CatalogError when the file is none that this release wrote. */
export async function readCatalogFile(path: string): Promise<Schema> {
  let answers: ReadonlyMap<string, readonly TextRow[]>
  try {
    answers = parseAnswers(JSON.parse(await readFile(path, 'utf8')))
  } catch (cause) {
    throw cause instanceof CatalogError ? cause : new CatalogError(`${path} cannot be read`, { cause })
  }
  return loadSchema((query) => {
    const rows = answers.get(query)
    if (rows) return Promise.resolve(rows)
    return Promise.reject(new CatalogError(`${path} was saved by another release; save it again`))
  })
}

/** The search path comes first: reading the catalog sets it. */
async function loadSchema(query: (sql: string) => Promise<readonly TextRow[]>): Promise<Schema> {
  const searchPath = (await query(searchPathQuery)).flatMap(([schema]) => (typeof schema === 'string' ? [schema] : []))
  return { searchPath, catalog: await loadCatalog(query) }
}

async function readLive(
  binding: DatabaseBinding,
  timeoutMs: number,
  answers: { query: string; rows: readonly TextRow[] }[],
): Promise<Schema> {
  const upstream = await connectUpstream({
    binding,
    database: binding.databases[0],
    parameters: new Map([['application_name', 'sallyport check']]),
    useHostsFile: true,
    connectTimeoutMs: timeoutMs,
    maxMessageBytes: 64 << 20,
    signal: AbortSignal.timeout(timeoutMs),
  })
  try {
    return await loadSchema(async (query) => {
      const rows = await queryUpstream(upstream, query, timeoutMs)
      answers.push({ query, rows })
      return rows
    })
  } finally {
    upstream.socket.destroy()
  }
}

function parseAnswers(value: unknown): ReadonlyMap<string, readonly TextRow[]> {
  const file = value as Partial<CatalogFile> | null
  if (file?.kind !== 'SallyportCatalog' || !Array.isArray(file.answers))
    throw new CatalogError('the file is no saved catalog')
  const answers = new Map<string, readonly TextRow[]>()
  for (const answer of file.answers as CatalogFile['answers']) {
    const isWhole = typeof answer.query === 'string' && Array.isArray(answer.rows) && answer.rows.every(isTextRow)
    if (!isWhole) throw new CatalogError('the file is no saved catalog')
    answers.set(answer.query, answer.rows)
  }
  return answers
}

function isTextRow(row: unknown): row is TextRow {
  return Array.isArray(row) && row.every((item) => item === null || typeof item === 'string')
}
