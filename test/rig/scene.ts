import { startControlPlane, type ControlPlane } from './control-plane.ts'
import { freePort } from './free-port.ts'
import { buildCommands, install, type Installation, type RunningSidecar } from './installation.ts'
import { startPostgres, type Postgres } from './postgres.ts'

/** A release, a PostgreSQL, a pod `agents/agent` with its sidecar running, and a Database `db` that it may be granted. */
export interface Scene {
  readonly plane: ControlPlane
  readonly installation: Installation
  readonly postgres: Postgres
  /** Where the sidecar listens. */
  readonly localPort: number
  readonly sidecar: () => RunningSidecar
  /** Starts the sidecar's container again, on the same volumes, with these flags in addition. */
  readonly restartSidecar: (flags?: readonly string[]) => Promise<void>
  readonly apply: (object: object) => Promise<string>
  /** Applies a grant on `db` and waits until it is Active. */
  readonly grant: (name: string, spec: GrantSpec) => Promise<void>
  readonly stop: () => Promise<void>
}

export interface GrantSpec {
  readonly duration: string
  readonly permissions: readonly object[]
  readonly [field: string]: unknown
}

export interface SceneOptions {
  /** Run by the superuser before anything else; the sidecar logs in as `app`. */
  readonly sql: string
  /** Lines of postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>
  /** Fields of the Database's spec. */
  readonly database?: object
}

/** Starts all of it. */
export async function openScene({ sql, settings = {}, database = {} }: SceneOptions): Promise<Scene> {
  buildCommands()
  const localPort = await freePort()
  const [plane, postgres] = await Promise.all([startControlPlane(), startPostgres({ settings })])
  await postgres.sql("CREATE ROLE app LOGIN PASSWORD 'app'")
  await postgres.sql(sql)
  const installation = await install(plane)
  const apply = (object: object): Promise<string> => {
    const text = JSON.stringify({ apiVersion: 'sallyport.dev/v1alpha1', ...object })
    return plane.mustKubectl(['apply', '-n', 'agents', '-f', '-'], text)
  }
  await plane.mustKubectl(['create', 'namespace', 'agents'])
  await plane.mustKubectl(['label', 'namespace', 'agents', 'sallyport.dev/inject=enabled'])
  await plane.mustKubectl(['create', 'serviceaccount', 'agent', '-n', 'agents'])
  await apply({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'login' },
    stringData: { username: 'app', password: 'app' },
  })
  await apply({
    kind: 'Database',
    metadata: { name: 'db' },
    spec: {
      engine: 'PostgreSQL',
      host: '127.0.0.1',
      port: postgres.port,
      localPort,
      databases: ['postgres'],
      tls: { mode: 'Disable' },
      credentials: { static: { secretRef: { name: 'login' } } },
      ...database,
    },
  })
  await apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'agent', labels: { app: 'agent' } },
    spec: { serviceAccountName: 'agent', containers: [{ name: 'app', image: 'app' }] },
  })
  await plane.mustKubectl(['wait', '-n', 'agents', '--for=condition=Ready', 'database/db', '--timeout=30s'])
  let sidecar = await installation.startSidecar('agents', 'agent')
  return {
    plane,
    installation,
    postgres,
    localPort,
    sidecar: () => sidecar,
    restartSidecar: async (flags = []) => {
      sidecar = await installation.startSidecar('agents', 'agent', { dir: sidecar.dir, flags })
    },
    apply,
    grant: async (name, spec) => {
      await apply({ kind: 'AccessGrant', metadata: { name }, spec: { ...grantSubject, ...spec } })
      await plane.mustKubectl([
        'wait',
        '-n',
        'agents',
        '--for=condition=Active',
        `accessgrant/${name}`,
        '--timeout=20s',
      ])
    },
    stop: async () => {
      await sidecar.process.stop()
      await installation.stop()
      await postgres.stop()
      await plane.stop()
    },
  }
}

export const grantSubject = { subject: { serviceAccountName: 'agent' }, databaseRef: { name: 'db' }, reason: 'a test' }
