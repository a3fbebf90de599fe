import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/** Metrics of the sidecar; labels are bounded by tables. */
export interface SidecarMetrics {
  readonly statements: Counter<'decision' | 'reason'>
  /** `statements` of those allowed: looked up once. */
  readonly allowed: Counter.Internal
  readonly sessions: Gauge
  readonly decisionSeconds: Histogram
  readonly auditFailures: Counter
}

export function sidecarMetrics(registry: Registry): SidecarMetrics {
  const registers = [registry]
  const statements = new Counter({
    name: 'sallyport_statements_total',
    help: 'Statements judged, by decision and reason (docs/reasons.md; empty where allowed)',
    labelNames: ['decision', 'reason'],
    registers,
  })
  return {
    statements,
    allowed: statements.labels({ decision: 'Allow', reason: '' }),
    sessions: new Gauge({ name: 'sallyport_sessions', help: 'Client sessions open now', registers }),
    decisionSeconds: new Histogram({
      name: 'sallyport_decision_seconds',
      help: 'Time from a message to its decision, analysis included',
      buckets: [0.00005, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.1, 1],
      registers,
    }),
    auditFailures: new Counter({
      name: 'sallyport_audit_failures_total',
      help: 'Records that could not be written; their statements were refused',
      registers,
    }),
  }
}
