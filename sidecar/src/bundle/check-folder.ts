import { parseDurationMs } from '@sallyport/crds'
import type { FolderProblem } from './folder-error.ts'
import { databaseKey, keyOf, type FolderDatabase, type FolderGrant, type FolderObjects } from './folder-objects.ts'

/**
 * What is wrong between the objects of a folder, each of which is right by itself, and what cannot work without a
 * cluster: a control that would silently not hold is refused.
 */
export function checkFolder(objects: FolderObjects): readonly FolderProblem[] {
  return [
    ...objects.databases.flatMap((database) => checkDatabase(database, objects)),
    ...objects.grants.flatMap((grant) => checkGrant(grant, objects)),
    ...sharedPorts(objects.databases),
  ]
}

function checkDatabase({ file, metadata, spec }: FolderDatabase, objects: FolderObjects): readonly FolderProblem[] {
  const problems: FolderProblem[] = []
  const say = (path: string, problem: string): unknown => problems.push({ file, path, problem })
  const needKeys = (path: string, name: string, keys: readonly string[]): void => {
    const secret = objects.secrets.get(keyOf({ namespace: metadata.namespace, name }))
    if (!secret) say(path, `there is no Secret ${metadata.namespace}/${name} in the folder`)
    for (const key of keys) if (secret && !secret.data.has(key)) say(path, `Secret ${name} has no key ${key}`)
  }
  if (spec.engine !== 'PostgreSQL') say('spec.engine', `${spec.engine} cannot be served yet; PostgreSQL can`)
  if (!spec.credentials.static) say('spec.credentials', 'only credentials.static works without a controller')
  else needKeys('spec.credentials.static.secretRef', spec.credentials.static.secretRef.name, ['username', 'password'])
  const ca = spec.tls?.caSecretRef
  if (ca) needKeys('spec.tls.caSecretRef', ca.name, [ca.key ?? 'ca.crt'])
  return problems
}

function checkGrant(grant: FolderGrant, objects: FolderObjects): readonly FolderProblem[] {
  const { file, metadata, spec } = grant
  const problems: FolderProblem[] = []
  const say = (path: string, problem: string): unknown => problems.push({ file, path, problem })
  const database = objects.databases.find((candidate) => keyOf(candidate.metadata) === databaseKey(grant))
  if (database) problems.push(...checkTerms(grant, database))
  else say('spec.databaseRef', `there is no Database ${databaseKey(grant)} in the folder`)
  for (const [index, { name }] of (spec.policyRefs ?? []).entries()) {
    const isThere = objects.policies.some(
      (policy) => keyOf(policy.metadata) === keyOf({ namespace: metadata.namespace, name }),
    )
    if (!isThere)
      say(`spec.policyRefs[${index}].name`, `there is no AccessPolicy ${metadata.namespace}/${name} in the folder`)
  }
  if ((spec.approval?.required ?? 0) > 0) {
    say('spec.approval.required', 'nobody can approve without a cluster; remove it, or apply the grant to one')
  }
  return problems
}

/** What the Database's owner allows of grants. */
function checkTerms({ file, metadata, spec }: FolderGrant, database: FolderDatabase): readonly FolderProblem[] {
  const problems: FolderProblem[] = []
  const { namespace } = metadata
  if (database.metadata.namespace !== namespace && (database.spec.grantableTo?.from ?? 'Same') === 'Same') {
    const problem = `spec.grantableTo of Database ${keyOf(database.metadata)} leaves namespace ${namespace} out`
    problems.push({ file, path: 'spec.databaseRef', problem })
  }
  const ceiling = database.spec.limits?.maxGrantDuration
  if (ceiling !== undefined && (parseDurationMs(spec.duration ?? '0') ?? 0) > (parseDurationMs(ceiling) ?? 0)) {
    problems.push({ file, path: 'spec.duration', problem: `the Database allows grants of at most ${ceiling}` })
  }
  return problems
}

function sharedPorts(databases: readonly FolderDatabase[]): readonly FolderProblem[] {
  const first = new Map<number, FolderDatabase>()
  return databases.flatMap((database) => {
    const other = first.get(database.spec.localPort)
    if (!other) {
      first.set(database.spec.localPort, database)
      return []
    }
    const problem = `Database ${keyOf(other.metadata)} listens on ${database.spec.localPort}, too`
    return [{ file: database.file, path: 'spec.localPort', problem }]
  })
}
