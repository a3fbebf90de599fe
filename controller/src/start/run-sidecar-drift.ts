import { isKubeError } from '../kube/errors.ts'
import { repeat } from '../kube/repeat.ts'
import { WorkQueue } from '../kube/work-queue.ts'
import type { Caches } from '../reconcile/caches.ts'
import { defaultSelections, parseSelections, type PodSelection } from '../reconcile/pod-selections.ts'
import { SidecarDrift } from '../reconcile/sidecar-drift.ts'
import { everySecond, type Foundation } from './foundation.ts'

/** How often it is looked which pods the webhook is asked about. */
const selectMs = 60_000
const retryMs = 1000

/** Tells of pods that should have a sidecar and have none, by Events and metrics. */
export function runSidecarDrift(foundation: Foundation, caches: Caches): void {
  const { client, events, log, metrics, closers } = foundation
  const drift = new SidecarDrift({ client, caches, events })
  const queue = new WorkQueue({ name: 'drift', handle: (key) => drift.reconcile(key), concurrency: 2, log })
  const look = (key: string): void => {
    if (drift.concerns(key, caches.pods.get(key) ?? null)) queue.add(key)
  }
  const select = async (): Promise<number> => {
    try {
      const isOther = drift.select(await readSelections(foundation))
      if (isOther) for (const { metadata } of caches.pods.list()) look(`${metadata.namespace ?? ''}/${metadata.name}`)
      return selectMs
    } catch (err) {
      log.warn({ err }, 'it cannot be read which pods the webhook is asked about')
      return retryMs
    }
  }
  const unsubscribe = [
    caches.pods.subscribe(look),
    caches.namespaces.subscribe((namespace) => {
      for (const { metadata } of caches.pods.byIndex('namespace', namespace)) look(`${namespace}/${metadata.name}`)
    }),
  ]
  queue.start()
  const selecting = repeat(select)
  everySecond(foundation, 'metrics of drift', () => {
    metrics.podsNotInjected.reset()
    for (const [namespace, count] of drift.counts()) metrics.podsNotInjected.set({ namespace }, count)
  })
  closers.add('drift', async () => {
    for (const end of unsubscribe) end()
    await selecting.close()
    await queue.stop()
  })
}

async function readSelections({ client, config }: Foundation): Promise<readonly PodSelection[]> {
  const path = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${config.name}`
  try {
    return parseSelections(await client.request({ path }))
  } catch (error) {
    // Switched off: what is enrolled is what lacks a sidecar.
    if (isKubeError(error, 'not-found')) return defaultSelections(config.namespace)
    throw error
  }
}
