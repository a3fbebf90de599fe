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
  readonly hostNetwork?: boolean
  readonly hostPID?: boolean
  readonly shareProcessNamespace?: boolean
  readonly os?: { readonly name?: string }
  readonly securityContext?: SecurityContext
  readonly hostAliases?: readonly HostAlias[]
  readonly initContainers?: readonly Container[]
  readonly containers: readonly Container[]
  readonly ephemeralContainers?: readonly Container[]
  readonly volumes?: readonly Volume[]
}

export interface HostAlias {
  readonly ip: string
  readonly hostnames?: readonly string[]
}

export interface SecurityContext {
  readonly runAsUser?: number
  readonly [field: string]: unknown
}

export interface Container {
  readonly name: string
  readonly targetContainerName?: string
  readonly ports?: readonly { readonly containerPort: number }[]
  readonly securityContext?: SecurityContext
  readonly volumeMounts?: readonly VolumeMount[]
  readonly volumeDevices?: readonly { readonly name: string }[]
  readonly [field: string]: unknown
}

export interface VolumeMount {
  readonly name: string
  readonly [field: string]: unknown
}

export interface Volume {
  readonly name: string
  readonly projected?: {
    readonly sources?: readonly { readonly serviceAccountToken?: { readonly audience?: string } }[] | null
  }
  readonly [field: string]: unknown
}

/** Checks the shape of what injection dereferences; null: no pod. */
export function parsePod(value: unknown): Pod | null {
  if (!isRecord(value) || !isRecord(value.spec)) return null
  const { containers, initContainers = [], ephemeralContainers = [], volumes = [], hostAliases = [] } = value.spec
  const lists = [containers, initContainers, ephemeralContainers, volumes, hostAliases]
  if (!lists.every((list) => Array.isArray(list) && list.every(isRecord))) return null
  return { ...value, metadata: isRecord(value.metadata) ? value.metadata : {} } as unknown as Pod
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
