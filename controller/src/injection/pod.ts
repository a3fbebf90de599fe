/** A pod as far as injection reads it; everything else is carried along. */
export interface Pod {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: PodMeta
  readonly spec: PodSpec
}

export interface PodMeta {
  readonly name?: string
  readonly generateName?: string
  readonly namespace?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

export interface PodSpec {
  readonly serviceAccountName?: string
  readonly terminationGracePeriodSeconds?: number
  readonly hostNetwork?: boolean
  readonly hostPID?: boolean
  readonly hostIPC?: boolean
  readonly shareProcessNamespace?: boolean
  readonly os?: { readonly name?: string }
  readonly dnsPolicy?: string
  readonly dnsConfig?: { readonly nameservers?: readonly string[]; readonly searches?: readonly string[] }
  readonly securityContext?: PodSecurityContext
  readonly hostAliases?: readonly HostAlias[]
  readonly initContainers?: readonly Container[]
  readonly containers: readonly Container[]
  readonly ephemeralContainers?: readonly Container[]
  readonly volumes?: readonly Volume[]
}

export interface PodSecurityContext {
  readonly runAsUser?: number
  readonly sysctls?: readonly { readonly name: string }[]
}

export interface HostAlias {
  readonly ip: string
  readonly hostnames?: readonly string[]
}

export interface SecurityContext {
  readonly runAsUser?: number
  readonly privileged?: boolean
  readonly allowPrivilegeEscalation?: boolean
  readonly procMount?: string
  readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] }
  readonly [field: string]: unknown
}

export interface Container {
  readonly name: string
  readonly ports?: readonly { readonly containerPort?: number; readonly hostPort?: number }[]
  readonly env?: readonly EnvVar[]
  readonly securityContext?: SecurityContext
  readonly volumeMounts?: readonly VolumeMount[]
  readonly volumeDevices?: readonly { readonly name: string }[]
  readonly [field: string]: unknown
}

export interface EnvVar {
  readonly valueFrom?: { readonly fileKeyRef?: { readonly volumeName?: string } }
  readonly [field: string]: unknown
}

export interface VolumeMount {
  readonly name: string
  readonly mountPath?: string
  readonly [field: string]: unknown
}

export interface Volume {
  readonly name: string
  readonly hostPath?: unknown
  readonly projected?: {
    readonly defaultMode?: number
    readonly sources?: readonly { readonly serviceAccountToken?: { readonly audience?: string } }[]
  }
  readonly [field: string]: unknown
}

/** Checks the shape of what injection reads; null: no pod. What is null counts as absent, as it does for the API server. */
export function parsePod(value: unknown): Pod | null {
  const pod = withoutNulls(value)
  if (!isRecord(pod)) return null
  const { spec, metadata = {} } = pod
  if (!isRecord(spec) || !isRecord(metadata)) return null
  return areStrings(metadata, ['labels', 'annotations']) && isSpec(spec)
    ? ({ ...pod, metadata } as unknown as Pod)
    : null
}

function isSpec(spec: Shape): boolean {
  const { containers, initContainers = [], ephemeralContainers = [], volumes = [], hostAliases = [] } = spec
  const { os = {}, dnsConfig = {}, terminationGracePeriodSeconds, securityContext } = spec
  return (
    [containers, initContainers, ephemeralContainers].every((list) => records(list)?.every(isContainer)) &&
    Boolean(records(volumes)?.every(isVolume)) &&
    Boolean(records(hostAliases)?.every(({ ip, hostnames = [] }) => typeof ip === 'string' && isTextList(hostnames))) &&
    [spec.serviceAccountName, spec.dnsPolicy].every((text) => text === undefined || typeof text === 'string') &&
    isRecord(os) &&
    isDnsConfig(dnsConfig) &&
    isNumber(terminationGracePeriodSeconds) &&
    isSecurityContext(securityContext)
  )
}

function isDnsConfig(value: unknown): boolean {
  return isRecord(value) && isTextList(value.nameservers ?? []) && isTextList(value.searches ?? [])
}

function isContainer(container: Shape): boolean {
  const { name, ports = [], env = [], volumeMounts = [], volumeDevices = [], securityContext } = container
  return (
    typeof name === 'string' &&
    records(ports) !== null &&
    Boolean(records(env)?.every(({ valueFrom = {} }) => isRecord(valueFrom) && isRecord(valueFrom.fileKeyRef ?? {}))) &&
    Boolean(records(volumeMounts)?.every((mount) => typeof mount.name === 'string')) &&
    Boolean(records(volumeDevices)?.every((device) => typeof device.name === 'string')) &&
    isSecurityContext(securityContext)
  )
}

function isSecurityContext(value: unknown): boolean {
  if (value === undefined) return true
  if (!isRecord(value)) return false
  const { capabilities = {}, sysctls = [], runAsUser } = value
  if (!isRecord(capabilities) || !isNumber(runAsUser)) return false
  const { add = [], drop = [] } = capabilities
  return isTextList(add) && isTextList(drop) && Boolean(records(sysctls)?.every(({ name }) => typeof name === 'string'))
}

function isVolume({ name, projected = {} }: Shape): boolean {
  if (typeof name !== 'string' || !isRecord(projected)) return false
  return Boolean(records(projected.sources ?? [])?.every((source) => isRecord(source.serviceAccountToken ?? {})))
}

function areStrings(object: Shape, fields: readonly string[]): boolean {
  return fields.every((field) => {
    const value = object[field] ?? {}
    return isRecord(value) && isTextList(Object.values(value))
  })
}

function isNumber(value: unknown): boolean {
  return value === undefined || typeof value === 'number'
}

function isTextList(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

function records(value: unknown): readonly Shape[] | null {
  return Array.isArray(value) && value.every(isRecord) ? value : null
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (!isRecord(value)) return value
  const entries = Object.entries(value).filter(([, one]) => one !== null)
  return Object.fromEntries(entries.map(([key, one]) => [key, withoutNulls(one)]))
}

type Shape = Readonly<Record<string, unknown>>

function isRecord(value: unknown): value is Shape {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
