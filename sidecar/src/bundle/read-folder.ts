import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LineCounter, parseAllDocuments } from 'yaml'
import { FolderError, type FolderProblem } from './folder-error.ts'

/** A file of the folder, as it was read. */
export interface FolderFile {
  readonly name: string
  readonly text: string
}

/** One document of a file. */
export interface FolderDocument {
  readonly file: string
  readonly value: unknown
}

/**
 * Reads every manifest file of a folder, sorted by name. A file that goes away while it is read is left out.
 * @throws FolderError when the folder cannot be read.
 */
export async function readFolder(dir: string): Promise<readonly FolderFile[]> {
  let names: readonly string[]
  try {
    names = await readdir(dir)
  } catch {
    throw new FolderError([{ file: dir, path: '', problem: 'the folder cannot be read' }])
  }
  const manifests = names.filter((name) => /\.(ya?ml|json)$/.test(name) && !name.startsWith('.')).sort()
  const files = await Promise.all(manifests.map((name) => readManifestFile(dir, name)))
  return files.filter((file) => file !== null)
}

/**
 * Takes files apart into documents; empty ones are left out. JSON is YAML.
 * @throws FolderError with row and column of everything that is no YAML.
 */
export function parseFolder(files: readonly FolderFile[]): readonly FolderDocument[] {
  const problems: FolderProblem[] = []
  const documents: FolderDocument[] = []
  for (const { name, text } of files) {
    const lineCounter = new LineCounter()
    for (const document of parseAllDocuments(text, { lineCounter })) {
      for (const error of document.errors) {
        const { line, col } = lineCounter.linePos(error.pos[0])
        problems.push({ file: `${name}:${line}:${col}`, path: '', problem: error.message.split('\n')[0] ?? '' })
      }
      const value: unknown = document.errors.length > 0 ? null : document.toJS({ maxAliasCount: 100 })
      documents.push(...listItems(value).map((item) => ({ file: name, value: item })))
    }
  }
  if (problems.length > 0) throw new FolderError(problems)
  return documents
}

async function readManifestFile(dir: string, name: string): Promise<FolderFile | null> {
  try {
    return { name, text: await readFile(join(dir, name), 'utf8') }
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null
    throw new FolderError([{ file: name, path: '', problem: 'the file cannot be read' }])
  }
}

/** `kubectl get -o yaml` writes a List. */
function listItems(value: unknown): readonly unknown[] {
  if (value === null || value === undefined) return []
  if (typeof value !== 'object' || !('kind' in value) || value.kind !== 'List') return [value]
  return 'items' in value && Array.isArray(value.items) ? value.items : []
}
