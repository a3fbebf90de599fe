import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { SidecarSeal } from '@sallyport/crds'
import { pause } from './bundle/pause.ts'
import type { ClusterConfig } from './config.ts'
import { followLocal } from './seal/follow-local.ts'
import { followRedirect } from './seal/follow-redirect.ts'
import { ProbeFolder } from './seal/probe-folder.ts'
import { sealMetric } from './seal/seal-metric.ts'
import { probeLogin } from './session/probe-login.ts'
import type { Source } from './sources.ts'
import type { StartGate } from './start-gate.ts'

export interface WatchSealOptions {
  readonly config: ClusterConfig
  readonly source: Pick<Source, 'store' | 'clock' | 'onSeal'>
  /** Opened as soon as the pod may start. */
  readonly gate: StartGate
  readonly registry: Registry
  readonly signal: AbortSignal
  readonly log: Logger
}

/** Has the way around the sidecar tried, and tells of it, until `signal` aborts. */
export async function watchSeal({ config, source, gate, registry, signal, log }: WatchSealOptions): Promise<void> {
  const { store, clock } = source
  const show = sealMetric(registry)
  let told = ''
  const onSeal = (seal: SidecarSeal): void => {
    const text = JSON.stringify(seal)
    if (text !== told) log.info(seal, 'the seal of the pod')
    told = text
    show(seal)
    source.onSeal(seal)
  }
  const shared = {
    databases: () => store.current()?.databases ?? [],
    subscribe: (listener: () => void) => store.subscribe(listener),
    pause,
    signal,
    log,
  }
  const { interception, useHostsFile, connectTimeoutMs } = config
  if (interception.kind === 'Local') {
    gate.open()
    const deps = { useHostsFile, connectTimeoutMs }
    const ask = (binding: Parameters<typeof probeLogin>[0]['binding'], stopped: AbortSignal) =>
      probeLogin({ binding, ...deps, signal: AbortSignal.any([stopped, AbortSignal.timeout(connectTimeoutMs)]) })
    await followLocal({ ...shared, ask, onSeal, random: Math.random })
    return
  }
  await followRedirect({
    ...shared,
    folder: new ProbeFolder(interception.probeDir),
    redirects: interception.ports,
    // An earlier process of this pod began at an earlier time.
    firstRevision: Date.now(),
    clock,
    onFindings: (seal, problem) => {
      if (seal) onSeal(seal)
      if (problem === null) gate.open()
      else gate.wait(problem)
    },
  })
}
