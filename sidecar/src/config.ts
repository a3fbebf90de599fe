import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { interceptionModes } from '@sallyport/crds'
import { ClientTlsError, loadClientTls, type ClientTlsFiles } from './client-tls.ts'

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
  /** The certificate shown to applications that ask for TLS; null: they are told that there is none. */
  readonly clientTls: ClientTlsFiles | null
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
  readonly interception: Interception
  /** How long open connections are served after SIGTERM. */
  readonly drainMs: number
  /** The host's own hosts file may be used: only where no hostAliases point to the sidecar (tests outside a pod). */
  readonly useHostsFile: boolean
}

/** How the application's connections come here. */
export type Interception =
  | { readonly kind: 'Local' }
  | {
      readonly kind: 'Redirect'
      /** Shared with the container that tries the way around. */
      readonly probeDir: string
      /** Where the pod's rules send connections to a Database, by `<namespace>/<name>`: a port of the loopback addresses. */
      readonly ports: ReadonlyMap<string, number>
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
  const given: Given = {
    values,
    env,
    problems,
    text: (flag, variable) => String(values[flag] ?? env[variable] ?? ''),
  }
  const common: CommonConfig = {
    logLevel: given.text('log-level', 'SALLYPORT_LOG_LEVEL') || 'info',
    guardrailsFile: given.text('guardrails', 'SALLYPORT_GUARDRAILS') || builtInGuardrails(),
    connectTimeoutMs: 10_000,
    maxMessageBytes: 64 * 1024 * 1024,
    health: healthAddress(given.text('health-port', 'SALLYPORT_HEALTH_PORT'), problems),
    clientTls: parseClientTls(given),
  }
  const { standalone } = values
  const config = standalone === undefined ? parseCluster(given, common) : parseStandalone(standalone, given, common)
  if (problems.length > 0) throw new ConfigError(problems)
  return Object.freeze(config)
}

type FlagValues = ReturnType<typeof readFlags>['values']

interface Given {
  readonly values: FlagValues
  readonly env: NodeJS.ProcessEnv
  readonly problems: string[]
  readonly text: (flag: keyof FlagValues, variable: string) => string
}

function parseStandalone(dir: string, { values, problems, text }: Given, common: CommonConfig): StandaloneConfig {
  for (const flag of clusterFlags)
    if (values[flag] !== undefined) problems.push(`--${flag} is of a pod; it has no meaning with --standalone`)
  const [namespace = '', serviceAccount = ''] = text('subject', 'SALLYPORT_SUBJECT').split('/')
  if (namespace === '' || serviceAccount === '') problems.push('--subject must be NAMESPACE/SERVICEACCOUNT')
  return {
    kind: 'Standalone',
    ...common,
    dir,
    subject: { namespace, serviceAccount },
    auditFile: text('audit', 'SALLYPORT_AUDIT_FILE') || 'sallyport-audit.jsonl',
  }
}

function parseCluster({ values, env, problems, text }: Given, common: CommonConfig): ClusterConfig {
  const required = (flag: keyof FlagValues, variable: string): string => {
    const value = text(flag, variable)
    if (value === '') problems.push(`--${flag} (or ${variable}) is missing`)
    return value
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
    interception: parseInterception(values, common.health, problems),
    drainMs: parseSeconds('drain-seconds', values['drain-seconds'] ?? '28', problems) * 1000,
    useHostsFile: values['use-hosts-file'] ?? false,
  }
  if (config.pod.uid === '') problems.push('POD_UID is missing')
  if (!(config.spoolMaxBytes > 0)) problems.push('--spool-max-bytes must be a positive number of bytes')
  return config
}

const clusterFlags = ['interception', 'redirect', 'probe-dir', 'drain-seconds'] as const

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
        'client-tls-cert-file': string,
        'client-tls-key-file': string,
        'log-level': string,
        guardrails: string,
        listen: { type: 'string', multiple: true },
        interception: string,
        redirect: { type: 'string', multiple: true },
        'probe-dir': string,
        'drain-seconds': string,
        'use-hosts-file': { type: 'boolean' },
      },
    })
  } catch (cause) {
    throw new ConfigError([cause instanceof Error ? cause.message : 'unreadable flags'])
  }
}

function parseInterception(flags: FlagValues, health: ListenAddress | null, problems: string[]): Interception {
  const { interception: kind = 'Local', redirect = [], 'probe-dir': probeDir = '' } = flags
  const ports = parseRedirects(redirect, health, problems)
  if (kind === 'Redirect') {
    if (probeDir === '') problems.push('--interception=Redirect needs --probe-dir')
    return { kind, probeDir, ports }
  }
  if (kind !== 'Local') problems.push(`--interception must be ${interceptionModes.join(' or ')}`)
  if (redirect.length > 0) problems.push('--redirect needs --interception=Redirect')
  if (probeDir !== '') problems.push('--probe-dir needs --interception=Redirect')
  return { kind: 'Local' }
}

/** `<namespace>/<name>=<port>`; a port leads to one Database, and a Database has one port. */
function parseRedirects(
  entries: readonly string[],
  health: ListenAddress | null,
  problems: string[],
): ReadonlyMap<string, number> {
  const ports = new Map<string, number>()
  for (const entry of entries) {
    const [, database = '', text = ''] = /^([^=/]+\/[^=/]+)=(\d{1,5})$/.exec(entry) ?? []
    const port = Number(text)
    if (database === '') problems.push(`--redirect ${entry}: expected NAMESPACE/NAME=PORT`)
    else if (port < 1 || port > 65_535) problems.push(`--redirect ${entry}: a port is 1 to 65535`)
    else if (ports.has(database)) problems.push(`--redirect ${entry}: the Database has a port already`)
    else if ([...ports.values()].includes(port)) problems.push(`--redirect ${entry}: the port is another Database's`)
    else if (health?.port === port) problems.push(`--redirect ${entry}: the port is --health-port`)
    else ports.set(database, port)
  }
  return ports
}

/** 0 is allowed; the largest number is what timers can do. */
function parseSeconds(flag: string, text: string, problems: string[]): number {
  const seconds = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN
  if (seconds <= maxSeconds) return seconds
  problems.push(`--${flag} must be a whole number of seconds, at most ${maxSeconds}`)
  return 0
}

const maxSeconds = 2_147_483

/** Both files or none; what cannot serve is told here and not to the first client. */
function parseClientTls({ text, problems }: Given): ClientTlsFiles | null {
  const files: ClientTlsFiles = {
    certFile: text('client-tls-cert-file', 'SALLYPORT_CLIENT_TLS_CERT_FILE'),
    keyFile: text('client-tls-key-file', 'SALLYPORT_CLIENT_TLS_KEY_FILE'),
  }
  if (files.certFile === '' && files.keyFile === '') return null
  if (files.certFile === '' || files.keyFile === '') {
    problems.push('--client-tls-cert-file and --client-tls-key-file go together')
    return null
  }
  try {
    loadClientTls(files)
  } catch (cause) {
    if (!(cause instanceof ClientTlsError)) throw cause
    problems.push(cause.message)
  }
  return files
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
  const [, database = '', host = '', port = '0'] = match ?? []
  if (!match || Number(port) > 65_535) problems.push(`--listen ${entry}: expected NAMESPACE/NAME=ADDRESS:PORT`)
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
