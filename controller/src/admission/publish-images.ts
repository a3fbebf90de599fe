import type { Logger } from 'pino'
import type { KubeClient } from '../kube/client.ts'
import { isKubeError } from '../kube/errors.ts'
import { isRecord } from '../kube/objects.ts'
import { repeat, type Repeated } from '../kube/repeat.ts'
import { planImages, type ImageMap } from './plan-images.ts'

export interface PublishImagesOptions {
  readonly client: KubeClient
  readonly namespace: string
  /** Of the ConfigMap. */
  readonly name: string
  /** What this program puts into pods. */
  readonly images: readonly string[]
  /** Unix milliseconds. */
  readonly nowMs: () => number
  readonly log: Logger
  /** How often it is looked whether they are still there. */
  readonly checkMs?: number
}

export interface PublishedImages extends Repeated {
  /** The admission policies let pods with our images pass. */
  readonly isPublished: () => boolean
}

const retryMs = 1000
/** API servers see a change of a policy's parameters a little later. */
const settleMs = 1000
/** Carries the ages as JSON. */
const usedAtAnnotation = 'sallyport.dev/used-at'

/**
 * Keeps a ConfigMap in which every version that runs names the images it gives pods: the admission policies refuse any
 * other sidecar.
 */
export function publishImages(options: PublishImagesOptions): PublishedImages {
  const log = options.log.child({ component: 'images' })
  const { checkMs = 30_000 } = options
  let settledAtMs: number | null = null
  const check = async (): Promise<number> => {
    try {
      const isChanged = await ensure(options)
      if (isChanged) log.info({ images: options.images }, 'the images pods may carry are published')
      if (isChanged || settledAtMs === null) settledAtMs = performance.now() + settleMs
      return checkMs
    } catch (err) {
      log.warn({ err }, 'the images pods may carry cannot be published')
      return retryMs
    }
  }
  const isPublished = (): boolean => settledAtMs !== null && performance.now() >= settledAtMs
  return { ...repeat(check), isPublished }
}

/** @returns whether anything had to be written. @throws KubeError */
async function ensure({ client, namespace, name, images, nowMs }: PublishImagesOptions): Promise<boolean> {
  const path = `/api/v1/namespaces/${namespace}/configmaps`
  for (let attempt = 1; ; attempt++) {
    const held = await read(client, `${path}/${name}`)
    const next = planImages(held ?? { data: {}, usedAt: {} }, images, Math.floor(nowMs() / 1000))
    if (!next) return false
    try {
      const body = toConfigMap(namespace, name, next, held)
      if (held) await client.request({ method: 'PUT', path: `${path}/${name}`, body })
      else await client.request({ method: 'POST', path, body })
      return true
    } catch (error) {
      // Another replica was faster: what it wrote must stay.
      if (attempt === maxAttempts || !isKubeError(error, 'conflict', 'already-exists', 'not-found')) throw error
    }
  }
}

const maxAttempts = 5

interface HeldMap extends ImageMap {
  /** The whole object: what others wrote on it is written back. */
  readonly object: Readonly<Record<string, unknown>>
  readonly metadata: Readonly<Record<string, unknown>>
}

async function read(client: KubeClient, path: string): Promise<HeldMap | null> {
  try {
    const answer = await client.request({ path })
    const object = isRecord(answer) ? answer : {}
    const metadata = isRecord(object.metadata) ? object.metadata : {}
    const annotations = isRecord(metadata.annotations) ? metadata.annotations : {}
    return { object, metadata, data: textsOf(object.data), usedAt: parseAges(annotations[usedAtAnnotation]) }
  } catch (error) {
    if (isKubeError(error, 'not-found')) return null
    throw error
  }
}

function toConfigMap(namespace: string, name: string, { data, usedAt }: ImageMap, held: HeldMap | null): object {
  const before = held?.metadata ?? { namespace, name, labels: { 'app.kubernetes.io/managed-by': 'sallyport' } }
  const annotations = 'annotations' in before && isRecord(before.annotations) ? before.annotations : {}
  const metadata = { ...before, annotations: { ...annotations, [usedAtAnnotation]: JSON.stringify(usedAt) } }
  return { ...held?.object, apiVersion: 'v1', kind: 'ConfigMap', metadata, data }
}

function textsOf(value: unknown): Readonly<Record<string, string>> {
  const entries = Object.entries(isRecord(value) ? value : {})
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
}

/** Whatever cannot be read counts as old. */
function parseAges(value: unknown): Readonly<Record<string, number>> {
  try {
    const ages: unknown = JSON.parse(typeof value === 'string' ? value : '{}')
    const entries = Object.entries(isRecord(ages) ? ages : {})
    return Object.fromEntries(entries.filter((entry): entry is [string, number] => typeof entry[1] === 'number'))
  } catch {
    return {}
  }
}
