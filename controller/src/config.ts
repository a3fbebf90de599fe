import { existsSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

export interface Listen {
  readonly host: string
  readonly port: number
}

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof logLevels)[number]

/** `webhook`: stateless admission, in several replicas. `controller`: everything but admission. */
export const roles = ['all', 'webhook', 'controller'] as const
export type Role = (typeof roles)[number]

/** Who makes the serving certificate: this program, cert-manager, or whoever keeps the Secret. */
export const certificateSources = ['own', 'cert-manager', 'secret'] as const
export type CertificateSource = (typeof certificateSources)[number]

/** When a batch of audit records counts as safe: on this disk, or in an AuditSegment. */
export const acknowledgements = ['journal', 'segment'] as const
export type Acknowledgement = (typeof acknowledgements)[number]

export interface ControllerConfig {
  readonly role: Role
  readonly kubeconfig?: string
  readonly server?: string
  readonly caFile?: string
  readonly tokenFile?: string
  /** Own namespace: AuditSegments, Secrets of the controller. */
  readonly namespace: string
  /** Prefix of own objects. */
  readonly name: string
  /** Of the pod; begins the names of audit segments. */
  readonly instance: string
  /** Service that sidecars dial. */
  readonly serviceName: string
  /** Service that the API server dials. */
  readonly webhookServiceName: string
  readonly certificateSource: CertificateSource
  /** Secret with `tls.crt`, `tls.key` and `ca.crt`. */
  readonly tlsSecret: string
  /** Further names in the serving certificate; IP addresses too. */
  readonly extraDnsNames: readonly string[]
  readonly admission: Listen
  readonly stream: Listen
  readonly metrics: Listen
  /** What injected sidecars dial. */
  readonly controllerUrl: string
  readonly dataDir: string
  /** Path of the opa binary. */
  readonly opa: string
  readonly acknowledge: Acknowledgement
  /** A sidecar's token counts only from an address of its pod. */
  readonly checkPodAddress: boolean
  readonly sidecarImage: string
  readonly redirectImage: string
  readonly logLevel: LogLevel
  /** How long, after it has said that it is not ready any more, it still answers. */
  readonly drainSeconds: number
}

export type ParsedConfig =
  | { readonly ok: true; readonly config: ControllerConfig }
  | { readonly ok: false; readonly problems: readonly string[] }

/**
 * Reads flags; each can be given as the environment variable `SALLYPORT_<FLAG>` too, the flag wins.
 * @returns the configuration, or every problem there is.
 */
export function parseConfig(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): ParsedConfig {
  const values = readValues(args, env)
  if (!values.ok) return values
  const reader = new Reader(values.given)
  const name = reader.label('name', 'sallyport')
  const namespace = reader.label('namespace', ownNamespace())
  const serviceName = reader.label('service-name', `${name}-controller`)
  const role = reader.oneOf('role', roles, 'all')
  const config: ControllerConfig = {
    role,
    ...reader.optional('kubeconfig', 'kubeconfig'),
    ...reader.optional('server', 'server'),
    ...reader.optional('ca-file', 'caFile'),
    ...reader.optional('token-file', 'tokenFile'),
    namespace,
    name,
    instance: env.POD_NAME ?? env.HOSTNAME ?? name,
    serviceName,
    webhookServiceName: reader.label('webhook-service-name', `${name}-webhook`),
    certificateSource: reader.oneOf('certificate-source', certificateSources, 'own'),
    tlsSecret: reader.objectName('tls-secret', `${name}-tls`),
    extraDnsNames: values.names,
    admission: reader.listen('admission-address', '0.0.0.0:10250'),
    stream: reader.listen('stream-address', '0.0.0.0:8443'),
    metrics: reader.listen('metrics-address', '0.0.0.0:9402'),
    controllerUrl: reader.url('controller-url', `https://${serviceName}.${namespace}.svc:8443`),
    dataDir: reader.text('data-dir', '/var/lib/sallyport'),
    opa: reader.text('opa', 'opa'),
    acknowledge: reader.oneOf('acknowledge', acknowledgements, 'journal'),
    checkPodAddress: reader.oneOf('check-pod-address', ['true', 'false'], 'true') === 'true',
    sidecarImage: reader.image('sidecar-image', 'ghcr.io/sallyport-dev/sallyport-sidecar:0.1.0'),
    redirectImage: reader.image('redirect-image', 'ghcr.io/sallyport-dev/sallyport-redirect:0.1.0'),
    logLevel: reader.oneOf('log-level', logLevels, 'info'),
    // The API server keeps using its connections to a webhook's pod for a while after its Service has forgotten it.
    drainSeconds: reader.integer('drain-seconds', role === 'webhook' ? 12 : 5, 0, 600),
  }
  if (config.kubeconfig !== undefined && config.server !== undefined) {
    reader.problems.push('--kubeconfig and --server exclude each other')
  }
  if (config.server !== undefined && config.tokenFile === undefined) {
    reader.problems.push('--server needs --token-file')
  }
  return reader.problems.length > 0
    ? { ok: false, problems: reader.problems }
    : { ok: true, config: Object.freeze(config) }
}

const flags = [
  'role',
  'kubeconfig',
  'server',
  'ca-file',
  'token-file',
  'namespace',
  'name',
  'service-name',
  'webhook-service-name',
  'certificate-source',
  'tls-secret',
  'admission-address',
  'stream-address',
  'metrics-address',
  'controller-url',
  'data-dir',
  'opa',
  'acknowledge',
  'check-pod-address',
  'sidecar-image',
  'redirect-image',
  'log-level',
  'drain-seconds',
] as const
type Flag = (typeof flags)[number]

type Values =
  | { readonly ok: true; readonly given: ReadonlyMap<string, string>; readonly names: readonly string[] }
  | { readonly ok: false; readonly problems: readonly string[] }

function readValues(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Values {
  const options: Record<string, { type: 'string'; multiple?: boolean }> = {
    'extra-dns-name': { type: 'string', multiple: true },
  }
  for (const flag of flags) options[flag] = { type: 'string' }
  const given = new Map<string, string>()
  for (const flag of flags) {
    const value = env[variable(flag)]
    if (value !== undefined && value !== '') given.set(flag, value)
  }
  try {
    const parsed = parseArgs({ args: [...args], options, allowPositionals: false, strict: true })
    for (const flag of flags) {
      const value = parsed.values[flag]
      if (typeof value === 'string') given.set(flag, value)
    }
    const names = parsed.values['extra-dns-name'] ?? env[variable('extra-dns-name')]?.split(',') ?? []
    return {
      ok: true,
      given,
      names: [names]
        .flat()
        .map(String)
        .filter((name) => name !== ''),
    }
  } catch (error) {
    return { ok: false, problems: [error instanceof Error ? error.message : String(error)] }
  }
}

/** Collects problems instead of stopping at the first. */
class Reader {
  readonly problems: string[] = []
  readonly #given: ReadonlyMap<string, string>

  constructor(given: ReadonlyMap<string, string>) {
    this.#given = given
  }

  text(flag: Flag, otherwise: string): string {
    return this.#given.get(flag) ?? otherwise
  }

  optional<K extends string>(flag: Flag, key: K): { readonly [P in K]?: string } {
    const value = this.#given.get(flag)
    const result: { [P in K]?: string } = {}
    if (value !== undefined) result[key] = value
    return result
  }

  label(flag: Flag, otherwise: string): string {
    const value = this.text(flag, otherwise)
    if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(value)) this.problems.push(`--${flag}: "${value}" is no DNS label`)
    return value
  }

  objectName(flag: Flag, otherwise: string): string {
    const value = this.text(flag, otherwise)
    if (value.length > 253 || !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(value))
      this.problems.push(`--${flag}: "${value}" is no name of an object`)
    return value
  }

  image(flag: Flag, otherwise: string): string {
    const value = this.text(flag, otherwise)
    if (!/^[\w.:/@-]{1,512}$/.test(value)) this.problems.push(`--${flag}: "${value}" is no name of an image`)
    return value
  }

  url(flag: Flag, otherwise: string): string {
    const value = this.text(flag, otherwise)
    if (!URL.canParse(value) || !value.startsWith('https://'))
      this.problems.push(`--${flag}: "${value}" is no https URL`)
    return value
  }

  listen(flag: Flag, otherwise: string): Listen {
    const value = this.text(flag, otherwise)
    const [, host = '', digits = ''] = /^\[?([^\]]*)\]?:(\d{1,5})$/.exec(value) ?? []
    const port = Number(digits)
    if (host === '' || digits === '' || port > 65_535) this.problems.push(`--${flag}: "${value}" is not HOST:PORT`)
    return { host, port }
  }

  integer(flag: Flag, otherwise: number, min: number, max: number): number {
    const value = Number(this.text(flag, String(otherwise)))
    if (!Number.isInteger(value) || value < min || value > max) {
      this.problems.push(`--${flag}: must be a whole number from ${min} to ${max}`)
    }
    return value
  }

  oneOf<const T extends string>(flag: Flag, allowed: readonly T[], otherwise: T): T {
    const value = this.text(flag, otherwise)
    const found = allowed.find((one) => one === value)
    if (found === undefined) this.problems.push(`--${flag}: "${value}" is none of ${allowed.join(', ')}`)
    return found ?? otherwise
  }
}

function variable(flag: string): string {
  return `SALLYPORT_${flag.replaceAll('-', '_').toUpperCase()}`
}

function ownNamespace(): string {
  const file = '/var/run/secrets/kubernetes.io/serviceaccount/namespace'
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : 'sallyport-system'
}
