import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SecureContext } from 'node:tls'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import type { DatabaseBinding, Snapshot } from '@sallyport/crds'
import { PostgresAnalyzer } from '../analysis/postgres-analyzer.ts'
import { openAuditFile } from '../audit/audit-file.ts'
import { BundleStore } from '../bundle/bundle-store.ts'
import { ExpiryClock } from '../bundle/expiry-clock.ts'
import { testSnapshot } from '../bundle/testing/test-controller.ts'
import { RowBudget } from '../budget/row-budget.ts'
import { builtInGuardrails } from '../config.ts'
import { loadPolicyEngine } from '../decision/decide.ts'
import { Listeners } from '../listeners.ts'
import type { Clock } from '../model/clock.ts'
import type { ListenAddress } from '../session/database-listener.ts'
import { boundDatabase } from '../seal/testing/seal-fixtures.ts'
import { sidecarMetrics } from '../session/metrics.ts'

export interface TestListeners {
  readonly listeners: Listeners
  readonly store: BundleStore
  readonly registry: Registry
  /** Puts a snapshot with these Databases in force. */
  readonly swap: (databases: readonly DatabaseBinding[]) => void
  /** Lines of the audit log. */
  readonly records: () => readonly string[]
  readonly close: () => Promise<void>
}

export interface TestListenersOptions {
  readonly addresses?: readonly ListenAddress[]
  readonly grants?: Snapshot['grants']
  readonly clock?: Clock
  readonly clientTls?: SecureContext
}

/** Listeners over real parts. */
export async function openTestListeners(
  redirects: ReadonlyMap<string, number>,
  databases: readonly DatabaseBinding[],
  { addresses = [], grants = [], clock = new ExpiryClock(), clientTls }: TestListenersOptions = {},
): Promise<TestListeners> {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-listeners-'))
  const path = join(dir, 'audit.jsonl')
  const log = pino({ enabled: false })
  const store = new BundleStore({ clock })
  const swap = (next: readonly DatabaseBinding[]): void => store.swap(testSnapshot({ databases: next, grants }), [])
  swap(databases)
  const audit = openAuditFile({ path, clock, log })
  const registry = new Registry()
  const analyzer = await PostgresAnalyzer.load()
  const guardrails = await readFile(builtInGuardrails())
  const engine = await loadPolicyEngine({ guardrails, policies: [], log })
  const listeners = new Listeners({
    deps: {
      store,
      audit,
      clock,
      log,
      metrics: sidecarMetrics(registry),
      rowBudget: new RowBudget(),
      useHostsFile: false,
      connectTimeoutMs: 2000,
      maxMessageBytes: 1 << 20,
      clientTls: clientTls ? () => clientTls : null,
    },
    analyzer,
    engine: () => engine,
    addresses: () => addresses,
    redirects,
    onStatus: () => undefined,
  })
  const close = async (): Promise<void> => {
    await listeners.close()
    await audit.close()
    await analyzer.close()
    rmSync(dir, { recursive: true })
  }
  try {
    await listeners.open()
  } catch (cause) {
    await close()
    throw cause
  }
  return {
    listeners,
    store,
    registry,
    swap,
    records: () => readFileSync(path, 'utf8').split('\n').filter((line) => line !== ''), // prettier-ignore
    close,
  }
}

export function testDatabase(name: string, localPort: number, port?: number): DatabaseBinding {
  return { ...boundDatabase(name, port), localPort }
}
