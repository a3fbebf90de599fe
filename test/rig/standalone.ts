import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import type { Postgres } from './postgres.ts'
import { accepts, start, until, type Started } from './process.ts'

export interface Standalone {
  /** Where it listens. */
  readonly port: number
  readonly process: Started
  /** Lines of the audit file. */
  readonly records: () => readonly string[]
  /** Takes the grant away; sessions end. */
  readonly revoke: () => void
  readonly stop: () => Promise<void>
}

export interface StandaloneOptions {
  readonly permissions: readonly object[]
  readonly limits?: object
  /** `schema.table.column`, masked by Redact. */
  readonly redacted?: readonly string[]
}

const apiVersion = 'sallyport.dev/v1alpha1'
const metadata = { name: 'rig', namespace: 'agents' }

/** A sidecar without a cluster before a server where it logs in as `app`, password `app`, into the database postgres. */
export async function startStandalone(postgres: Postgres, options: StandaloneOptions): Promise<Standalone> {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-standalone-'))
  const manifests = join(dir, 'manifests')
  const audit = join(dir, 'audit.jsonl')
  mkdirSync(manifests)
  const port = await freePort()
  const write = (name: string, object: object): void => {
    writeFileSync(join(dir, name), JSON.stringify({ apiVersion, metadata, ...object }))
    renameSync(join(dir, name), join(manifests, name))
  }
  write('secret.json', { apiVersion: 'v1', kind: 'Secret', stringData: { username: 'app', password: 'app' } })
  const { redacted = [] } = options
  const sensitive = redacted.length > 0 ? { sensitive: [{ columns: redacted, class: 'Secret', mask: 'Redact' }] } : {}
  write('database.json', {
    kind: 'Database',
    spec: {
      engine: 'PostgreSQL',
      host: '127.0.0.1',
      port: postgres.port,
      localPort: port,
      databases: ['postgres'],
      tls: { mode: 'Disable' },
      credentials: { static: { secretRef: { name: 'rig' } } },
      ...sensitive,
    },
  })
  write('grant.json', {
    kind: 'AccessGrant',
    spec: {
      subject: { serviceAccountName: 'rig' },
      databaseRef: { name: 'rig' },
      reason: 'a test',
      duration: '8h',
      permissions: options.permissions,
      ...(options.limits ? { limits: options.limits } : {}),
    },
  })
  const command = join(import.meta.dirname, '../../cli/bin/sallyport')
  const child = start(command, ['sidecar', '--standalone', manifests, '--subject', 'agents/rig', '--audit', audit])
  await until(() => accepts(port), 'the sidecar', { process: child })
  return {
    port,
    process: child,
    records: () =>
      readFileSync(audit, 'utf8')
        .split('\n')
        .filter((line) => line !== ''),
    revoke: () => unlinkSync(join(manifests, 'grant.json')),
    stop: async () => {
      await child.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
