import type { SealReason, SidecarSeal } from '@sallyport/crds'
import type { DatabaseResult, ProbeResult } from './probe-result.ts'
import type { RedirectedDatabases } from './probe-targets.ts'
import { nameSome } from './name-some.ts'

/** What is known of the way around in Redirect mode. */
export interface RedirectFindings extends RedirectedDatabases {
  /** The last result for exactly these targets; null before it. */
  readonly result: ProbeResult | null
  /** Why the probe is not heard of, one sentence; null while it is, or is still waited for. */
  readonly silence: string | null
}

/**
 * The seal of a pod in Redirect mode: the worst that is known. Null while the first result for new targets is waited for.
 */
export function redirectSeal(findings: RedirectFindings): SidecarSeal | null {
  const { targets, notRedirected, silence } = findings
  const found = resultsOf(findings)
  const open = found.filter(({ outcome }) => outcome === 'DirectPathOpen')
  if (open.length > 0) return seal('False', 'DirectPathOpen', describe('can be reached past the sidecar', open))
  if (notRedirected.length > 0)
    return seal('False', 'NotRedirected', `the pod was not made for ${nameSome(notRedirected)}; restart the pod`)
  if (silence !== null) return seal('Unknown', 'ProbeFailed', silence)
  if (targets.length === 0) return seal('True', 'Redirected', 'there is no Database to be reached')
  if (findings.result === null) return null
  const missing = targets.map(({ database }) => database).filter((each) => !found.some((one) => one.database === each))
  if (missing.length > 0) return seal('Unknown', 'ProbeFailed', `the probe says nothing of ${nameSome(missing)}`)
  const unresolved = found.filter(({ outcome }) => outcome === 'Unresolved')
  if (unresolved.length > 0) return seal('Unknown', 'ProbeFailed', describe('could not be tried', unresolved))
  const changed = found.filter(({ outcome }) => outcome === 'AddressesChanged')
  if (changed.length > 0) return seal('Unknown', 'AddressesChanged', describe('has other addresses', changed))
  return seal('True', 'Redirected', `every way to ${nameSome(found.map(({ database }) => database))} is the sidecar's`)
}

/**
 * Why a pod may not start, one sentence; null when it may. It may as soon as the way to every Database it was made for was
 * tried, and none was open.
 */
export function startProblem(findings: RedirectFindings): string | null {
  const { targets, result } = findings
  const open = resultsOf(findings).filter(({ outcome }) => outcome === 'DirectPathOpen')
  if (open.length > 0) return describe('can be reached past the sidecar', open)
  if (targets.length === 0 || result !== null) return null
  return 'the probe has not yet tried the way around the sidecar'
}

/** What the probe says of anything but the targets is left out. */
function resultsOf({ targets, result }: RedirectFindings): readonly DatabaseResult[] {
  const asked = new Set(targets.map(({ database }) => database))
  return (result?.results ?? []).filter(({ database }) => asked.has(database))
}

function describe(what: string, results: readonly DatabaseResult[]): string {
  const [first] = results
  return `${nameSome(results.map(({ database }) => database))} ${what}: ${first?.detail ?? ''}`
}

function seal(status: SidecarSeal['status'], reason: SealReason, message: string): SidecarSeal {
  return { mode: 'Redirect', status, reason, message }
}
