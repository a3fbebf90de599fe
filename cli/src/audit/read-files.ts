import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { CliError, exitCodes } from '../cli-error.ts'
import { parseSegmentFile } from './parse-segments.ts'
import type { NamedSegment } from './verify-log.ts'

/** What was found in files: segments, or the lines of audit files. */
export interface FoundFiles {
  readonly segments: readonly NamedSegment[]
  readonly logs: readonly { readonly name: string; readonly text: string }[]
}

/** @throws CliError `bad-file` for a file that holds neither segments nor records. */
export async function readAuditFile(path: string): Promise<FoundFiles> {
  const text = await readText(path)
  if (/^(\{"seq":|$)/.test(text)) return { segments: [], logs: [{ name: basename(path), text }] }
  return { segments: parseSegmentFile(path, text), logs: [] }
}

/** Every segment in the YAML and JSON files of a folder. @throws CliError */
export async function readAuditFolder(dir: string): Promise<FoundFiles> {
  const names = await readdir(dir).catch((cause: unknown) => {
    throw new CliError('bad-file', `${dir} cannot be read`, exitCodes.unusable, { cause })
  })
  const manifests = names.filter((name) => /\.(ya?ml|json)$/.test(name)).sort()
  const texts = await Promise.all(manifests.map((name) => readText(join(dir, name))))
  const segments = texts.flatMap((text, index) => parseSegmentFile(join(dir, manifests[index] ?? ''), text))
  if (segments.length === 0) throw new CliError('bad-file', `${dir} holds no AuditSegment`, exitCodes.unusable)
  return { segments, logs: [] }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new CliError('bad-file', `${path} cannot be read`, exitCodes.unusable, { cause })
  }
}
