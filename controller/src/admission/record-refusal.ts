import type { EventRecorder } from '../kube/events.ts'
import { isRecord } from '../kube/objects.ts'
import type { AdmissionRequest } from './review.ts'

/** What an Event can be written on. */
export interface EventTarget {
  readonly kind: { readonly apiVersion: string; readonly kind: string }
  readonly metadata: { readonly name: string; readonly namespace: string; readonly uid: string }
}

/**
 * Tells of a refused pod where somebody looks: on what wanted to create it, since the pod does not come into being.
 * @param note  begins with the reason.
 */
export function recordRefusal(events: Pick<EventRecorder, 'record'>, request: AdmissionRequest, note: string): void {
  const target = request.dryRun ? null : refusalTarget(request)
  if (!target) return
  const event = { type: 'Warning', reason: 'InjectionRefused', action: 'Admit', note } as const
  events.record(target, target.kind, event)
}

/** The controller of a pod under review, or the pod where it has none; null for what is no pod. */
export function refusalTarget({ object, namespace }: AdmissionRequest): EventTarget | null {
  if (!isRecord(object) || object.kind !== 'Pod' || namespace === undefined || !isRecord(object.metadata)) return null
  const { name, generateName, uid, ownerReferences } = object.metadata
  const owners: readonly unknown[] = Array.isArray(ownerReferences) ? ownerReferences : []
  const [owner] = owners.map((reference) => ownerOf(reference, namespace)).filter((found) => found !== null)
  if (owner) return owner
  const ownName = [name, generateName].find((one) => typeof one === 'string' && one !== '')
  if (typeof ownName !== 'string') return null
  const metadata = { name: ownName.replace(/-+$/, ''), namespace, uid: typeof uid === 'string' ? uid : '' }
  return { kind: { apiVersion: 'v1', kind: 'Pod' }, metadata }
}

function ownerOf(reference: unknown, namespace: string): EventTarget | null {
  if (!isRecord(reference) || reference.controller !== true) return null
  const { apiVersion, kind, name, uid } = reference
  const isWhole = [apiVersion, kind, name, uid].every((value) => typeof value === 'string' && value !== '')
  if (!isWhole) return null
  return {
    kind: { apiVersion: String(apiVersion), kind: String(kind) },
    metadata: { name: String(name), namespace, uid: String(uid) },
  }
}
