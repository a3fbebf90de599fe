import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import type { InterceptionMode } from '@sallyport/crds'
import { serviceAccountFolder } from './names.ts'
import { omit } from './omit.ts'
import type { Container, Pod } from './pod.ts'
import type { Parts } from './parts.ts'

/** What a seal is made over, beside the fields that were put in. */
export interface SealedPod {
  readonly namespace: string
  readonly serviceAccountName: string
  readonly mode: InterceptionMode
  readonly parts: Pick<Parts, 'initContainers' | 'volumes'>
}

/** @param masterKey  the release's, 32 bytes. */
export function sealKeyOf(masterKey: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', masterKey, '', 'pod-injection', 32))
}

/** The ServiceAccount of a pod. */
export function serviceAccountOf({ spec }: Pod): string {
  return spec.serviceAccountName ?? 'default'
}

/** Base64 of the HMAC-SHA256 over what makes a sidecar the one that was put in. */
export function sealOf(key: Buffer, pod: SealedPod): string {
  return createHmac('sha256', key).update(sealedText(pod)).digest('base64')
}

/** Whether a seal is of this pod. */
export function isSealed(key: Buffer, pod: SealedPod, seal: string): boolean {
  const [expected, given] = [Buffer.from(sealOf(key, pod)), Buffer.from(seal)]
  return expected.length === given.length && timingSafeEqual(expected, given)
}

/** What is sealed, as text: the same for what was put in and for what the API server made of it. */
export function sealedText({ namespace, serviceAccountName, mode, parts }: SealedPod): string {
  const initContainers = parts.initContainers.map(sealedFields)
  const { volumes } = parts
  return `sallyport pod injection 1\n${canonical({ namespace, serviceAccountName, mode, initContainers, volumes })}`
}

/**
 * Every field of a container, also one this version does not know, but those that the cluster's own admission may set and
 * that make no difference: what the container may use, and when its image is pulled. Claims of devices do make one.
 */
function sealedFields(container: Container): object {
  const { resources, volumeMounts = [] } = container
  const claims = isRecord(resources) ? resources.claims : undefined
  const mounts = volumeMounts.filter(({ mountPath }) => mountPath !== serviceAccountFolder)
  return { ...omit(container, ['imagePullPolicy', 'resizePolicy']), volumeMounts: mounts, resources: { claims } }
}

/** JSON with sorted keys, without what is null or the empty string. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`
  if (!isRecord(value)) return JSON.stringify(value)
  const entries = Object.entries(value).filter(([, one]) => one !== null && one !== undefined && one !== '')
  const sorted = entries.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${sorted.map(([key, one]) => `${JSON.stringify(key)}:${canonical(one)}`).join()}}`
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
