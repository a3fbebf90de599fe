import type { SidecarSeal, Subject } from '@sallyport/crds'
import { WorkQueue } from '../kube/work-queue.ts'
import { PodSeals } from '../reconcile/pod-seals.ts'
import { everySecond, type Foundation } from './foundation.ts'

export interface RunningPodSeals {
  /** Takes what a pod's sidecar found last. */
  readonly report: (subject: Subject, seal: SidecarSeal) => void
  /** The pod is gone. */
  readonly forget: (podUid: string) => void
}

/** Writes what sidecars found about the way around them: on the pod, in Events and in metrics. */
export function runPodSeals(foundation: Foundation): RunningPodSeals {
  const { client, events, nowMs, log, metrics, closers } = foundation
  const seals = new PodSeals({ client, events, nowMs })
  const queue = new WorkQueue({
    name: 'seals',
    handle: (podUid) => seals.reconcile(podUid),
    concurrency: 4,
    log,
    onResult: (result, durationMs) => {
      metrics.reconciles.inc({ queue: 'seals', result })
      metrics.reconcileSeconds.observe({ queue: 'seals' }, durationMs / 1000)
    },
  })
  queue.start()
  closers.add('seals of pods', () => queue.stop())
  everySecond(foundation, 'metrics of seals', () => {
    metrics.podsSealed.reset()
    for (const { mode, status, reason } of seals.list()) metrics.podsSealed.inc({ mode, status, reason })
    metrics.queueLength.set({ queue: 'seals' }, queue.length)
  })
  return {
    report: (subject, seal) => {
      seals.report(subject, seal)
      queue.add(subject.podUID)
    },
    forget: (podUid) => seals.forget(podUid),
  }
}
