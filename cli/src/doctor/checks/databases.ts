import type { Check } from '../check.ts'
import { conditionOf, createdMsOf, nameOf, type FoundCondition } from '../facts/conditions.ts'
import type { Finding } from '../finding.ts'
import { plural } from '../text.ts'

export interface DatabaseFact {
  readonly key: string
  readonly createdMs: number
  readonly ready: FoundCondition | null
}

/** Databases can be logged in to and reached. */
export const databasesCheck: Check = {
  id: 'databases',
  group: 'Access',
  needsRelease: true,
  run: async (survey) => {
    const facts: DatabaseFact[] = []
    for await (const object of survey.cluster.list({
      group: 'sallyport.dev',
      version: 'v1alpha1',
      resource: 'databases',
    }))
      facts.push({ key: nameOf(object), createdMs: createdMsOf(object), ready: conditionOf(object, 'Ready') })
    return judgeDatabases(facts, survey.nowMs())
  },
}

const patienceMs = 60_000

/** @param nowMs  Unix milliseconds. */
export function judgeDatabases(databases: readonly DatabaseFact[], nowMs: number): Finding {
  const broken = databases.filter(({ ready }) => ready?.status === 'False')
  const unseen = databases.filter(({ ready, createdMs }) => ready === null && nowMs - createdMs > patienceMs)
  const items = [
    ...broken.map(({ key, ready }) => `${key}: ${ready?.reason ?? ''}: ${ready?.message ?? ''}`),
    ...unseen.map(({ key }) => `${key}: the controller has not looked at it`),
  ]
  if (broken.length > 0) {
    return {
      result: 'Failed',
      message: `${plural(broken.length, 'Database')} of ${databases.length} cannot be used`,
      items,
      fix: 'SecretNotUsable: repair the Secret spec.credentials names; else see that pods reach spec.host and its certificate is trusted',
    }
  }
  if (unseen.length > 0) {
    return { result: 'Warning', message: `${plural(unseen.length, 'Database')} of ${databases.length} have no status`, items, fix: 'see that the controller runs' } // prettier-ignore
  }
  return { result: 'Ok', message: databases.length === 0 ? 'no Database yet' : `${plural(databases.length, 'Database')}, all ready` } // prettier-ignore
}
