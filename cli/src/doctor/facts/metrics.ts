import type { Cluster } from '../cluster.ts'
import type { ReleaseName } from './release.ts'

/** Metrics of the controller, read through the API server. */
export interface MetricsFact {
  /** Value of a metric without labels; null where it is not told. */
  readonly value: (name: string) => number | null
  /** The controller's own time, whole seconds; null where it is not told. */
  readonly dateMs: number | null
  readonly askedMs: number
  readonly answeredMs: number
}

/** @throws ClusterError `missing-right` without `services/proxy`, `refused` where the controller does not answer. */
export async function readMetrics(cluster: Cluster, { name, namespace }: ReleaseName): Promise<MetricsFact> {
  const { body, dateMs, askedMs, answeredMs } = await cluster.read({
    group: '',
    version: 'v1',
    resource: 'services',
    namespace,
    name: `http:${name}-controller:metrics`,
    subresource: 'proxy',
    tail: '/metrics',
  })
  const text = typeof body === 'string' ? body : ''
  return { value: (metric) => parseMetric(text, metric), dateMs, askedMs, answeredMs }
}

/** One sample without labels of the text format. */
export function parseMetric(text: string, name: string): number | null {
  const line = text.split('\n').find((one) => one.startsWith(`${name} `))
  const value = Number(line?.split(' ')[1])
  return line === undefined || Number.isNaN(value) ? null : value
}
