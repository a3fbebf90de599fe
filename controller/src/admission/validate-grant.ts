import { parseDurationMs, validateManifest } from '@sallyport/crds'
import { isGrantableTo } from '../grants/grantable-to.ts'
import { parseTime } from '../grants/grant-state.ts'
import type { DatabaseObject, GrantObject } from '../grants/objects.ts'
import { isRecord } from '../kube/objects.ts'
import { databaseKeyOf } from '../reconcile/caches.ts'
import { parseGrant } from '../reconcile/parse-objects.ts'
import { parseKubeLike } from './parse-kube-like.ts'
import type { AdmissionAnswer, AdmissionRequest, Problem } from './review.ts'

/** Who asked for a grant: stamped from the request, never what a manifest says. */
export const requestedByAnnotation = 'sallyport.dev/requested-by'

export interface GrantWorld {
  /** By `namespace/name`. */
  readonly database: (key: string) => DatabaseObject | undefined
  readonly namespaceLabels: (namespace: string) => Readonly<Record<string, string>> | undefined
  readonly hasPolicy: (namespace: string, name: string) => boolean
  /** Unix milliseconds. */
  readonly nowMs: number
}

/** Sets {@link requestedByAnnotation} on creation, and back to what it was on every update. */
export function stampRequester(request: AdmissionRequest): AdmissionAnswer {
  const annotations = annotationsOf(request.object)
  const value = request.operation === 'CREATE' ? request.username : annotationsOf(request.oldObject)[requestedByAnnotation] // prettier-ignore
  if (value === undefined || annotations[requestedByAnnotation] === value) return { kind: 'Allow' }
  const patched = { ...annotations, [requestedByAnnotation]: value }
  return { kind: 'Allow', patch: [{ op: 'add', path: '/metadata/annotations', value: patched }] }
}

/** What the schema of a grant cannot say; what may still come, a Database or a policy, is a warning. */
export function validateGrant(request: AdmissionRequest, world: GrantWorld): AdmissionAnswer {
  const schemaProblems = validateManifest(request.object)
  const parsed = parseKubeLike(request.object)
  const grant = parsed && parseGrant(parsed)
  if (schemaProblems.length > 0 || !grant) return { kind: 'Refuse', reason: 'grant-invalid', problems: schemaProblems }
  if (request.operation === 'UPDATE') return checkStamp(request)
  const database = world.database(databaseKeyOf(grant))
  const problems = [...timeProblems(grant, world.nowMs), ...(database ? databaseProblems(grant, database, world) : [])]
  if (problems.length > 0) return { kind: 'Refuse', reason: 'grant-invalid', problems }
  return { kind: 'Allow', warnings: warningsOf(grant, database, world) }
}

function checkStamp({ object, oldObject }: AdmissionRequest): AdmissionAnswer {
  const before = annotationsOf(oldObject)[requestedByAnnotation]
  if (before === annotationsOf(object)[requestedByAnnotation]) return { kind: 'Allow' }
  const path = `metadata.annotations["${requestedByAnnotation}"]`
  return { kind: 'Refuse', reason: 'grant-invalid', problems: [{ path, message: `must stay ${before ?? 'absent'}` }] }
}

function timeProblems({ spec }: GrantObject, nowMs: number): readonly Problem[] {
  const notAfterMs = parseTime(spec.notAfter)
  if (notAfterMs === null || notAfterMs > nowMs) return []
  return [{ path: 'spec.notAfter', message: `is over (it is ${new Date(nowMs).toISOString()}); give a later time` }]
}

function databaseProblems(grant: GrantObject, database: DatabaseObject, world: GrantWorld): readonly Problem[] {
  const problems: Problem[] = []
  const namespace = grant.metadata.namespace ?? ''
  if (!isGrantableTo(database, namespace, world.namespaceLabels(namespace)))
    problems.push({ path: 'spec.databaseRef', message: `Database ${databaseKeyOf(grant)} is not grantable to namespace ${namespace}; its owner says so in spec.grantableTo` }) // prettier-ignore
  const longest = database.spec.limits?.maxGrantDuration
  const maxMs = longest === undefined ? null : parseDurationMs(longest)
  if (maxMs !== null && shortestMs(grant, world.nowMs) > maxMs)
    problems.push({ path: grant.spec.duration === undefined ? 'spec.notAfter' : 'spec.duration', message: `is longer than the Database allows; at most ${longest ?? ''}` }) // prettier-ignore
  return [...problems, ...deniedColumns(grant, database)]
}

/** How long the grant would last if it began at once, or at its notBefore. */
function shortestMs({ spec }: GrantObject, nowMs: number): number {
  const beginMs = Math.max(nowMs, parseTime(spec.notBefore) ?? nowMs)
  const durationMs = spec.duration === undefined ? null : parseDurationMs(spec.duration)
  const notAfterMs = parseTime(spec.notAfter)
  return Math.min(durationMs ?? Infinity, notAfterMs === null ? Infinity : notAfterMs - beginMs)
}

/** A permission that names a column which may appear nowhere would be dead. */
function deniedColumns({ spec }: GrantObject, database: DatabaseObject): readonly Problem[] {
  const denied = (database.spec.sensitive ?? []).filter(({ mask }) => mask === 'Deny').flatMap(({ columns }) => columns)
  return spec.permissions.flatMap(({ relations, columns = [] }, index) =>
    columns.flatMap((column, at) => {
      const found = relations.map((relation) => `${relation}.${column}`).find((name) => denied.includes(name))
      if (found === undefined) return []
      const path = `spec.permissions[${index}].columns[${at}]`
      return [{ path, message: `${found} may appear nowhere, says the Database (mask Deny); remove it` }]
    }),
  )
}

function warningsOf(grant: GrantObject, database: DatabaseObject | undefined, world: GrantWorld): readonly string[] {
  const namespace = grant.metadata.namespace ?? ''
  const missing = (grant.spec.policyRefs ?? []).filter(({ name }) => !world.hasPolicy(namespace, name))
  return [
    ...(database ? [] : [`spec.databaseRef: there is no Database ${databaseKeyOf(grant)} yet; the grant waits for it`]),
    ...missing.map(({ name }) => `spec.policyRefs: there is no AccessPolicy ${namespace}/${name} yet; the grant waits for it`), // prettier-ignore
  ]
}

function annotationsOf(object: unknown): Readonly<Record<string, string | undefined>> {
  const metadata = isRecord(object) ? object.metadata : null
  const annotations = isRecord(metadata) && isRecord(metadata.annotations) ? metadata.annotations : {}
  return Object.fromEntries(Object.entries(annotations).map(([key, value]) => [key, String(value)]))
}
