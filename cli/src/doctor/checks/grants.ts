import type { Check } from '../check.ts'
import { conditionOf, createdMsOf, nameOf, type FoundCondition } from '../facts/conditions.ts'
import type { Finding } from '../finding.ts'
import { textAt } from '../shape.ts'
import { duration, plural } from '../text.ts'

export interface GrantFact {
  readonly key: string
  readonly createdMs: number
  /** '' where the controller has not looked at it. */
  readonly state: string
  readonly active: FoundCondition | null
  /** Null: none told. */
  readonly expiresMs: number | null
}

/** Grants come into force, and their end is told. */
export const grantsCheck: Check = {
  id: 'grants',
  group: 'Access',
  needsRelease: true,
  run: async (survey) => {
    const facts: GrantFact[] = []
    for await (const object of survey.cluster.list({
      group: 'sallyport.dev',
      version: 'v1alpha1',
      resource: 'accessgrants',
    }))
      facts.push(parseGrant(object))
    return judgeGrants(facts, survey.nowMs())
  },
}

const patienceMs = 60_000

/** What doctor reads of an AccessGrant. */
export function parseGrant(object: unknown): GrantFact {
  const expiresMs = Date.parse(textAt(object, 'status', 'expiresAt'))
  return {
    key: nameOf(object),
    createdMs: createdMsOf(object),
    state: textAt(object, 'status', 'state'),
    active: conditionOf(object, 'Active'),
    expiresMs: Number.isNaN(expiresMs) ? null : expiresMs,
  }
}

/** @param nowMs  Unix milliseconds. */
export function judgeGrants(grants: readonly GrantFact[], nowMs: number): Finding {
  const items = grants.flatMap((grant) => {
    const problem = problemOf(grant, nowMs)
    return problem === null ? [] : [`${grant.key}: ${problem}`]
  })
  const active = grants.filter(({ state }) => state === 'Active').length
  if (items.length === 0) return { result: 'Ok', message: grants.length === 0 ? 'no grant yet' : `${plural(grants.length, 'grant')}, ${active} in force` } // prettier-ignore
  return {
    result: 'Warning',
    message: `${plural(items.length, 'grant')} of ${grants.length} ${items.length === 1 ? 'waits' : 'wait'} for something`,
    items,
    fix: 'kubectl describe accessgrant tells what for; where the controller has not looked at them, see that it runs',
  }
}

function problemOf({ state, active, createdMs, expiresMs }: GrantFact, nowMs: number): string | null {
  const ageMs = nowMs - createdMs
  if (state === '') return ageMs > patienceMs ? 'the controller has not looked at it' : null
  if (state === 'Active' && expiresMs !== null && nowMs - expiresMs > patienceMs)
    return `ended ${duration(nowMs - expiresMs)} ago in every sidecar, and still says Active`
  if (state !== 'Pending' || ageMs <= patienceMs || active?.reason === 'NotYetValid') return null
  return `Pending for ${duration(ageMs)}: ${active?.reason ?? ''}: ${active?.message ?? ''}`
}
