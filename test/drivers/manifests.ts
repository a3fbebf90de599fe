import { databases } from './targets.ts'

const apiVersion = 'sallyport.dev/v1alpha1'
const named = (name: string): object => ({ name, namespace: 'agents' })

export const secretManifest = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: named('login'),
  type: 'Opaque',
  stringData: { username: 'app', password: 'app' },
}

export function databaseManifest(name: string, port: number, localPort: number): object {
  const spec = {
    engine: 'PostgreSQL',
    host: '127.0.0.1',
    port,
    localPort,
    databases,
    tls: { mode: 'Disable' },
    credentials: { static: { secretRef: { name: 'login' } } },
  }
  return { apiVersion, kind: 'Database', metadata: named(name), spec }
}

const writes = ['Insert', 'Update', 'Delete', 'Merge', 'CopyIn']

/** `guarded` counts what every write affects before it is committed, which takes another way through the sidecar. */
export function grantManifest(name: string, kind: 'sidecar' | 'guarded' | 'dump'): object {
  const relations = ['public.*']
  const spec = {
    subject: { serviceAccountName: 'drivers' },
    databaseRef: { name },
    reason: 'drivers, ORMs and tools',
    duration: '4h',
    permissions:
      kind === 'dump'
        ? [{ operations: ['Select'], relations }]
        : [
            { operations: ['Select', 'CopyOut', 'Lock', 'Truncate'], relations },
            { operations: writes, relations, ...(kind === 'guarded' ? { maxAffectedRows: 100_000 } : {}) },
          ],
    catalog: kind === 'dump' ? 'Dump' : 'Introspect',
    limits: kind === 'guarded' ? { rowsPerStatement: 1_000_000_000, bytesPerStatement: '64Gi' } : {},
  }
  return { apiVersion, kind: 'AccessGrant', metadata: named(name), spec }
}
