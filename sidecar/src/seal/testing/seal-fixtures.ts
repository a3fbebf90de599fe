import { setTimeout as delay } from 'node:timers/promises'
import type { DatabaseBinding } from '@sallyport/crds'

export async function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  await delay(durationMs, undefined, { signal }).catch(() => undefined)
}

export function boundDatabase(name: string, port = 5432): DatabaseBinding {
  return {
    namespace: 'agents',
    name,
    engine: 'PostgreSQL',
    host: '127.0.0.1',
    port,
    localPort: 15432,
    databases: ['postgres'],
    tls: { mode: 'Disable' },
    credentials: null,
    sensitive: [],
    hashKey: 'a2V5',
    audit: { durability: 'Process', literals: 'Redacted' },
  }
}
