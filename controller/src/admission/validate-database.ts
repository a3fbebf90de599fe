import { isIP } from 'node:net'
import { validateManifest } from '@sallyport/crds'
import type { DatabaseObject } from '../grants/objects.ts'
import { keyOf } from '../kube/objects.ts'
import { parseDatabase } from '../reconcile/parse-objects.ts'
import type { AdmissionAnswer, Problem } from './review.ts'
import { parseKubeLike } from './parse-kube-like.ts'

/**
 * What the schema of a Database cannot say: its port is its own in the namespace, its host is no address of the sidecar,
 * and no column has two masks.
 */
export function validateDatabase(object: unknown, others: readonly DatabaseObject[]): AdmissionAnswer {
  const schemaProblems = validateManifest(object)
  const parsed = parseKubeLike(object)
  const database = parsed && parseDatabase(parsed)
  if (schemaProblems.length > 0 || !database)
    return { kind: 'Refuse', reason: 'database-invalid', problems: schemaProblems }
  const problems = [...portProblems(database, others), ...hostProblems(database), ...maskProblems(database)]
  if (problems.length > 0) return { kind: 'Refuse', reason: 'database-invalid', problems }
  return { kind: 'Allow', warnings: warningsOf(database, others) }
}

function portProblems(database: DatabaseObject, others: readonly DatabaseObject[]): readonly Problem[] {
  const { localPort } = database.spec
  const other = others.find(
    (one) =>
      one.metadata.namespace === database.metadata.namespace &&
      one.metadata.name !== database.metadata.name &&
      one.spec.localPort === localPort,
  )
  if (!other) return []
  const message = `${localPort} is the localPort of Database ${keyOf(other)}; choose another`
  return [{ path: 'spec.localPort', message }]
}

function hostProblems({ spec }: DatabaseObject): readonly Problem[] {
  const isSidecar = isIP(spec.host) === 4 && spec.host.startsWith('127.20.')
  if (!isSidecar) return []
  return [{ path: 'spec.host', message: '127.20.0.0/16 is where sidecars listen; give the address of the server' }]
}

function maskProblems({ spec }: DatabaseObject): readonly Problem[] {
  const seen = new Map<string, string>()
  return (spec.sensitive ?? []).flatMap(({ columns }, index) =>
    columns.flatMap((column, at) => {
      const path = `spec.sensitive[${index}].columns[${at}]`
      const before = seen.get(column)
      seen.set(column, path)
      if (before === undefined) return []
      return [{ path, message: `${column} is in ${before} already; classify it once` }]
    }),
  )
}

function warningsOf(database: DatabaseObject, others: readonly DatabaseObject[]): readonly string[] {
  const { host, port = 5432, tls } = database.spec
  const warnings: string[] = []
  const same = others.find(
    (one) =>
      one.metadata.namespace === database.metadata.namespace &&
      one.metadata.name !== database.metadata.name &&
      one.spec.host === host &&
      (one.spec.port ?? 5432) === port,
  )
  if (same)
    warnings.push(`Database ${keyOf(same)} has the same host and port: one of the two is reached by its localPort only`)
  if (isIP(host) !== 0)
    warnings.push(`spec.host is an IP address: applications must dial 127.0.0.1:${database.spec.localPort}`)
  if (tls?.mode === 'Disable' || tls?.mode === 'Require')
    warnings.push(`spec.tls.mode ${tls.mode}: whoever is in between can read the login and the data; use VerifyFull`)
  return warnings
}
