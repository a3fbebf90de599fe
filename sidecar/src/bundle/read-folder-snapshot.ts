import type { Snapshot } from '@sallyport/crds'
import type { LoadedPolicy } from '../model/decision.ts'
import { checkFolder } from './check-folder.ts'
import { compilePolicies, type CompilePolicy } from './compile-policies.ts'
import { FolderError } from './folder-error.ts'
import { keyOf, type FolderGrant, type FolderObjects } from './folder-objects.ts'
import { folderSnapshot, grantIdentity, grantsOf } from './folder-snapshot.ts'
import { parseFolderObjects } from './parse-folder-objects.ts'
import { parseFolder, readFolder } from './read-folder.ts'

export interface ReadFolderOptions {
  readonly dir: string
  /** `namespace/name` of one grant, or a subject with all of its grants, or neither where there is one subject only. */
  readonly grant?: string
  readonly subject?: { readonly namespace: string; readonly serviceAccount: string }
  readonly compilePolicy: CompilePolicy | undefined
  readonly nowMs: number
}

/**
 * Reads a folder once, with its grants in force as if they had just been activated: what they allow is asked, not when.
 * @throws FolderError where the folder cannot be used, or does not say whose access is meant.
 */
export async function readFolderSnapshot(
  options: ReadFolderOptions,
): Promise<{ readonly snapshot: Snapshot; readonly policies: readonly LoadedPolicy[] }> {
  const { dir, compilePolicy, nowMs } = options
  const namespace = options.grant?.split('/')[0] ?? options.subject?.namespace ?? 'default'
  const objects = parseFolderObjects(parseFolder(await readFolder(dir)), namespace)
  const problems = checkFolder(objects)
  if (problems.length > 0) throw new FolderError(problems)
  const grants = pickGrants(objects, options)
  const [first] = grants
  if (!first) throw new FolderError([{ file: dir, path: '', problem: 'the folder holds no AccessGrant that is meant' }])
  const subject = {
    namespace: first.metadata.namespace,
    serviceAccount: first.spec.subject.serviceAccountName,
    pod: 'check',
    podUID: 'check',
    labels: {},
  }
  const none = { modules: new Map(), loaded: [] }
  const { loaded } = await compilePolicies(objects.policies, subject.namespace, compilePolicy, none)
  const activation = { activatedAtMs: nowMs, expiresAtMs: nowMs + 3_600_000 }
  const sources = {
    subject,
    objects,
    activations: new Map(grants.map((grant) => [grantIdentity(grant), activation])),
    policies: loaded,
    hashKeyOf: () => Buffer.alloc(32).toString('base64'),
  }
  return { snapshot: folderSnapshot(sources, nowMs), policies: loaded }
}

function pickGrants(objects: FolderObjects, { dir, grant, subject }: ReadFolderOptions): readonly FolderGrant[] {
  if (grant !== undefined) return objects.grants.filter(({ metadata }) => keyOf(metadata) === grant)
  if (subject) return grantsOf(objects, subject)
  const subjects = new Set(
    objects.grants.map(({ metadata, spec }) => `${metadata.namespace}/${spec.subject.serviceAccountName}`),
  )
  if (subjects.size <= 1) return objects.grants
  const problem = `the grants are for ${[...subjects].join(', ')}; say which with --grant or --subject`
  throw new FolderError([{ file: dir, path: '', problem }])
}
