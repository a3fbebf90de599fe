import { checkManifest } from './check-manifest.ts'
import { FolderError, type FolderProblem } from './folder-error.ts'
import {
  keyOf,
  type FolderDatabase,
  type FolderGrant,
  type FolderObjects,
  type FolderPolicy,
  type FolderSecret,
} from './folder-objects.ts'
import type { FolderDocument } from './read-folder.ts'

/**
 * Turns documents into objects. Nothing is passed over: a kind that means nothing here is a problem, too.
 * @param namespace  where objects live that name none.
 * @throws FolderError with every problem of every file.
 */
export function parseFolderObjects(documents: readonly FolderDocument[], namespace: string): FolderObjects {
  const problems: FolderProblem[] = []
  const seen = new Map<string, string>()
  const databases: FolderDatabase[] = []
  const grants: FolderGrant[] = []
  const policies: FolderPolicy[] = []
  const secrets = new Map<string, FolderSecret>()
  for (const { file, value } of documents) {
    const say = (path: string, problem: string): unknown => problems.push({ file, path, problem })
    const head = parseHead(value, namespace)
    if (typeof head === 'string') {
      say('', head)
      continue
    }
    const name = `${head.kind} ${keyOf(head.metadata)}`
    const other = seen.get(name)
    if (other !== undefined) say('metadata.name', `${name} is in ${other}, too`)
    seen.set(name, file)
    if (head.kind === 'Secret') {
      const secret = parseSecret(file, head, say)
      secrets.set(keyOf(head.metadata), secret)
      continue
    }
    const wrong = checkManifest(head.kind, head.value)
    for (const { path, problem } of wrong) say(path, problem)
    if (wrong.length > 0) continue
    const object = { ...head.value, file, metadata: head.metadata }
    if (head.kind === 'Database') databases.push(object as unknown as FolderDatabase)
    else if (head.kind === 'AccessGrant') grants.push(object as unknown as FolderGrant)
    else policies.push(object as unknown as FolderPolicy)
  }
  if (problems.length > 0) throw new FolderError(problems)
  return { databases, grants, policies, secrets }
}

const ownKinds = ['Database', 'AccessGrant', 'AccessPolicy', 'ClusterAccessPolicy'] as const

interface Head {
  readonly kind: (typeof ownKinds)[number] | 'Secret'
  readonly metadata: { readonly name: string; readonly namespace: string }
  /** The object as it was written, its namespace filled in. */
  readonly value: Readonly<Record<string, unknown>>
}

/** What every object has; a sentence where it has not. */
function parseHead(value: unknown, defaultNamespace: string): Head | string {
  if (!isObject(value)) return 'a manifest must be an object'
  const { apiVersion, kind, metadata } = value
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') return 'apiVersion and kind must be given'
  const known = kind === 'Secret' ? kind : ownKinds.find((own) => own === kind)
  const expected = kind === 'Secret' ? 'v1' : 'sallyport.dev/v1alpha1'
  if (!known || apiVersion !== expected) {
    return `${apiVersion} ${kind} means nothing here; Database, AccessGrant, AccessPolicy, ClusterAccessPolicy (sallyport.dev/v1alpha1) and Secret (v1) do`
  }
  if (!isObject(metadata) || typeof metadata.name !== 'string' || metadata.name === '')
    return 'metadata.name must be given'
  const { name, namespace } = metadata
  const isClustered = known === 'ClusterAccessPolicy'
  const place = isClustered
    ? {}
    : { namespace: typeof namespace === 'string' && namespace !== '' ? namespace : defaultNamespace }
  return {
    kind: known,
    metadata: { namespace: '', ...place, name },
    value: { ...value, metadata: { ...metadata, ...place } },
  }
}

function parseSecret(file: string, head: Head, say: (path: string, problem: string) => unknown): FolderSecret {
  const data = new Map<string, Buffer>()
  for (const field of ['data', 'stringData'] as const) {
    const entries = head.value[field]
    if (entries === undefined || entries === null) continue
    if (!isObject(entries)) {
      say(field, 'must be a map of strings')
      continue
    }
    for (const [key, value] of Object.entries(entries)) {
      const bytes = typeof value === 'string' ? decodeValue(value, field) : null
      if (bytes) data.set(key, bytes)
      else say(`${field}.${key}`, field === 'data' ? 'must be base64' : 'must be a string')
    }
  }
  return { file, metadata: head.metadata, data }
}

function decodeValue(value: string, field: 'data' | 'stringData'): Buffer | null {
  if (field === 'stringData') return Buffer.from(value)
  const text = value.replace(/\s/g, '')
  return /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)
    ? Buffer.from(text, 'base64')
    : null
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
