import { customResources, digestOf, type CustomResourceInfo } from '@sallyport/crds'
import type { Check } from '../check.ts'
import { conditionOf } from '../facts/conditions.ts'
import { fieldPaths } from '../facts/field-paths.ts'
import type { Finding } from '../finding.ts'
import { at, listAt, textAt } from '../shape.ts'
import { plural } from '../text.ts'

/** The custom resources are served, with the schemas this build was made with. */
export const crdsCheck: Check = {
  id: 'crds',
  group: 'Release',
  needsRelease: false,
  run: async ({ cluster }) => {
    const find = (name: string): Promise<unknown> => cluster.find({ group: 'apiextensions.k8s.io', version: 'v1', resource: 'customresourcedefinitions', name }) // prettier-ignore
    const found = new Map<string, unknown>()
    for (const { name } of customResources) found.set(name, await find(name))
    return judgeCrds(customResources, found)
  },
}

/**
 * A field the API server does not know is dropped without a word: a grant would be wider than it was written. That is a
 * failure; a schema that knows more than this build is not.
 * @param found  by name; null: not there.
 */
export function judgeCrds(wanted: readonly CustomResourceInfo[], found: ReadonlyMap<string, unknown>): Finding {
  const problems = wanted.map((resource) => problemOf(resource, found.get(resource.name) ?? null))
  const broken = problems.filter((problem) => problem?.kind === 'Broken')
  const other = problems.filter((problem) => problem?.kind === 'Other')
  const items = [...broken, ...other].map((problem) => problem?.message ?? '')
  if (broken.length > 0) {
    return {
      result: 'Failed',
      message: `${plural(broken.length, 'CRD')} of ${wanted.length} cannot do what this version needs`,
      items,
      fix: 'upgrade the release with crds.enabled, or apply the CRDs of this version',
    }
  }
  if (other.length > 0) {
    return {
      result: 'Warning',
      message: `${plural(other.length, 'CRD')} of ${wanted.length} are of another version than this command`,
      items,
      fix: 'use the sallyport command of the release, or upgrade the release',
    }
  }
  return { result: 'Ok', message: `${wanted.length} CRDs are established, with the schemas of this version` }
}

type Problem = { readonly kind: 'Broken' | 'Other'; readonly message: string }

function problemOf(wanted: CustomResourceInfo, crd: unknown): Problem | null {
  const broken = (message: string): Problem => ({ kind: 'Broken', message: `${wanted.name}: ${message}` })
  if (crd === null) return broken('is not there')
  if (conditionOf(crd, 'Established')?.status !== 'True') return broken('is not established')
  const version = listAt(crd, 'spec', 'versions').find((one) => textAt(one, 'name') === wanted.version)
  if (version === undefined || at(version, 'served') !== true) return broken(`${wanted.version} is not served`)
  const schema = at(version, 'schema', 'openAPIV3Schema')
  if (digestOf(schema) !== wanted.schemaDigest) {
    const present = new Set(fieldPaths(schema))
    const missing = fieldPaths(wanted.schema).filter((path) => !present.has(path))
    if (missing.length > 0) return broken(`does not know ${missing.slice(0, 3).join(', ')}${missing.length > 3 ? ` and ${missing.length - 3} more` : ''}`) // prettier-ignore
    return { kind: 'Other', message: `${wanted.name}: the schema is not that of this version` }
  }
  const stored = listAt(crd, 'status', 'storedVersions').map(String)
  const unknown = stored.filter((one) => one !== wanted.version)
  if (unknown.length > 0)
    return { kind: 'Other', message: `${wanted.name}: objects are stored as ${unknown.join(', ')}` }
  return null
}
