import type { SidecarStatus, Subject } from '@sallyport/crds'
import type { NewCondition } from '../kube/conditions.ts'

type Report = SidecarStatus['databases'][number] & { readonly atMs: number }

/** What sidecars said about Databases: they, not the controller, stand where the connection is made. */
export class Reachability {
  readonly #reports = new Map<string, Map<string, Report>>()

  /** @returns keys of the Databases whose standing may have changed. @param nowMs Unix milliseconds. */
  report(subject: Subject, status: SidecarStatus, nowMs: number): readonly string[] {
    return status.databases.map((database) => {
      const key = `${database.namespace}/${database.name}`
      const reports = this.#reports.get(key) ?? new Map<string, Report>()
      reports.set(subject.podUID, { ...database, atMs: nowMs })
      this.#reports.set(key, reports)
      return key
    })
  }

  /** Forgets a pod. */
  forget(podUid: string): void {
    for (const reports of this.#reports.values()) reports.delete(podUid)
  }

  /** The condition Reachable: False as soon as one sidecar's last attempt failed. */
  condition(key: string): Omit<NewCondition, 'observedGeneration'> {
    const reports = [...(this.#reports.get(key)?.values() ?? [])]
    const failed = reports.filter((report) => !report.reachable).sort((a, b) => b.atMs - a.atMs)
    const [latest] = failed
    if (latest) {
      const message = `${failed.length} of ${reports.length} sidecars: ${latest.message}`.slice(0, 1024)
      return { type: 'Reachable', status: 'False', reason: latest.reason, message }
    }
    if (reports.length === 0) {
      return {
        type: 'Reachable',
        status: 'Unknown',
        reason: 'NotTried',
        message: 'no sidecar has tried to connect yet',
      }
    }
    return { type: 'Reachable', status: 'True', reason: 'Connected', message: `${reports.length} sidecar(s) connected` }
  }
}
