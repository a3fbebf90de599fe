import { join } from 'node:path'
import { Collector } from '../audit/collector.ts'
import { kubeSegmentStore } from '../audit/segment-store.ts'
import { collectorMetrics } from '../telemetry/metrics.ts'
import { everySecond, type Foundation } from './foundation.ts'

/**
 * Opens the journal of audit records and seals what is due from now on.
 * @param onBroken  the disk failed: the process must end.
 * @throws CollectorError, KubeError
 */
export async function openCollector(foundation: Foundation, onBroken: (error: unknown) => void): Promise<Collector> {
  const { config, client, nowMs, log, metrics, closers } = foundation
  const collector = await Collector.open({
    dir: join(config.dataDir, 'audit'),
    streamPrefix: streamPrefix(config.instance) || config.name,
    store: kubeSegmentStore(client, config.namespace),
    acknowledge: config.acknowledge,
    nowMs,
    log: log.child({ component: 'audit' }),
    metrics: collectorMetrics(metrics),
    onBroken,
  })
  closers.add('audit collector', () => collector.close())
  everySecond(foundation, 'sealing', () => void collector.tick())
  return collector
}

function streamPrefix(instance: string): string {
  return instance
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, '-')
    .replace(/^-+/, '')
}
