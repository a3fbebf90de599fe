import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/** How a sidecar runs: in a pod under a controller, or alone over a folder of manifests. */
export type SidecarConfig = ClusterConfig | StandaloneConfig

interface CommonConfig {
  readonly logLevel: string
  /** The built-in guardrails, compiled. */
  readonly guardrailsFile: string
  readonly connectTimeoutMs: number
  readonly maxMessageBytes: number
  /** Where /healthz, /readyz and /metrics are served; null: nowhere. */
  readonly health: ListenAddress | null
}

export interface ClusterConfig extends CommonConfig {
  readonly kind: 'Cluster'
  readonly controllerUrl: string
  /** PEM of the authorities the controller's certificate is checked against. */
  readonly controllerCa: string
  readonly tokenFile: string
  readonly spoolDir: string
  readonly spoolMaxBytes: number
  /** `<pod UID>/<boot id>` begins with it. */
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string }
  /** Loopback addresses the webhook gave the Databases of the namespace. */
  readonly listen: readonly { readonly database: string; readonly address: ListenAddress }[]
  /** The host's own hosts file may be used: only where no hostAliases point to the sidecar (tests outside a pod). */
  readonly useHostsFile: boolean
}

export interface StandaloneConfig extends CommonConfig {
  readonly kind: 'Standalone'
  readonly dir: string
  readonly subject: { readonly namespace: string; readonly serviceAccount: string }
  readonly auditFile: string
}

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** Everything wrong with flags and environment, at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(problems.join('; '))
    this.problems = problems
  }
}

/**
 * Reads flags, then environment.
 * @throws ConfigError
 */
export function parseSidecarConfig(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): SidecarConfig {
  const problems: string[] = []
  const { values } = readFlags(argv)
  const text = (flag: keyof typeof values, variable: string): string => String(values[flag] ?? env[variable] ?? '')
  const required = (flag: keyof typeof values, variable: string): string => {
    const value = text(flag, variable)
    if (value === '') problems.push(`--${flag} (or ${variable}) is missing`)
    return value
  }
  const common: CommonConfig = {
    logLevel: text('log-level', 'SALLYPORT_LOG_LEVEL') || 'info',
    guardrailsFile: text('guardrails', 'SALLYPORT_GUARDRAILS') || builtInGuardrails(),
    connectTimeoutMs: 10_000,
    maxMessageBytes: 64 * 1024 * 1024,
    health: healthAddress(text('health-port', 'SALLYPORT_HEALTH_PORT'), problems),
  }
  if (values.standalone !== undefined) {
    const [namespace = '', serviceAccount = ''] = text('subject', 'SALLYPORT_SUBJECT').split('/')
    if (namespace === '' || serviceAccount === '') problems.push('--subject must be NAMESPACE/SERVICEACCOUNT')
    const config: StandaloneConfig = {
      kind: 'Standalone',
      ...common,
      dir: values.standalone,
      subject: { namespace, serviceAccount },
      auditFile: text('audit', 'SALLYPORT_AUDIT_FILE') || 'sallyport-audit.jsonl',
    }
    if (problems.length > 0) throw new ConfigError(problems)
    return Object.freeze(config)
  }
  const config: ClusterConfig = {
    kind: 'Cluster',
    ...common,
    controllerUrl: required('controller-url', 'SALLYPORT_CONTROLLER_URL'),
    controllerCa: required('controller-ca', 'SALLYPORT_CA_CERT'),
    tokenFile: required('token-file', 'SALLYPORT_TOKEN_FILE'),
    spoolDir: required('spool-dir', 'SALLYPORT_SPOOL_DIR'),
    spoolMaxBytes: Number(text('spool-max-bytes', 'SALLYPORT_SPOOL_MAX_BYTES') || 64 * 1024 * 1024),
    pod: { namespace: env.POD_NAMESPACE ?? '', name: env.POD_NAME ?? '', uid: env.POD_UID ?? '' },
    listen: (values.listen ?? []).map((entry) => parseListen(entry, problems)),
    useHostsFile: values['use-hosts-file'] ?? false,
  }
  if (config.pod.uid === '') problems.push('POD_UID is missing')
  if (!(config.spoolMaxBytes > 0)) problems.push('--spool-max-bytes must be a positive number of bytes')
  if (problems.length > 0) throw new ConfigError(problems)
  return Object.freeze(config)
}

function readFlags(argv: readonly string[]) {
  const string = { type: 'string' } as const
  try {
    return parseArgs({
      args: [...argv],
      options: {
        standalone: string,
        subject: string,
        audit: string,
        'controller-url': string,
        'controller-ca': string,
        'token-file': string,
        'spool-dir': string,
        'spool-max-bytes': string,
        'health-port': string,
        'log-level': string,
        guardrails: string,
        listen: { type: 'string', multiple: true },
        'use-hosts-file': { type: 'boolean' },
      },
    })
  } catch (cause) {
    throw new ConfigError([cause instanceof Error ? cause.message : 'unreadable flags'])
  }
}

/** `127.0.0.1:15901`, or a port alone for every address: kubelet's probes come to the pod's own. */
function healthAddress(text: string, problems: string[]): ListenAddress | null {
  if (text === '') return null
  const port = Number(text)
  if (Number.isInteger(port) && port >= 0 && port < 65_536) return { host: '0.0.0.0', port }
  problems.push('--health-port must be a port')
  return null
}

/** `<namespace>/<name>=<address>:<port>`. */
function parseListen(entry: string, problems: string[]): ClusterConfig['listen'][number] {
  const match = /^([^=/]+\/[^=/]+)=([\d.]+):(\d+)$/.exec(entry)
  if (!match) problems.push(`--listen ${entry}: expected NAMESPACE/NAME=ADDRESS:PORT`)
  const [, database = '', host = '', port = '0'] = match ?? []
  return { database, address: { host, port: Number(port) } }
}

/** Beside the bundle in a release, in the policy folder of a checkout. */
export function builtInGuardrails(): string {
  const candidates = [
    './policy/guardrails.wasm',
    '../policy/dist/guardrails.wasm',
    '../../sidecar/policy/dist/guardrails.wasm',
  ]
  const paths = candidates.map((candidate) => fileURLToPath(new URL(candidate, import.meta.url)))
  return paths.find((path) => existsSync(path)) ?? paths[0] ?? ''
}
