import { createHash } from 'node:crypto'
import { sidecarTokenAudience, type Subject } from '@sallyport/crds'
import type { KubeClient } from '../kube/client.ts'
import { isKubeError } from '../kube/errors.ts'
import { isRecord, parseKubeObject } from '../kube/objects.ts'
import { BundleError } from './errors.ts'

export interface AuthenticatorOptions {
  readonly client: KubeClient
  /** Unix milliseconds. */
  readonly nowMs: () => number
  readonly onResult: (result: 'ok' | 'cached' | 'refused' | 'error') => void
  /** Why a live pod is not one the webhook made; null: it is. */
  readonly findForgery: (pod: unknown, namespace: string) => string | null
  /** A token counts only where it comes from an address of its pod: one that was carried off is worth nothing elsewhere. */
  readonly checkAddress: boolean
  /** How long a positive answer holds; the pod's deletion ends it at once. */
  readonly cacheMs?: number
}

export interface Sidecar {
  readonly subject: Subject
  /** The pod is being deleted: it may bring its last records, and nothing new begins for it. */
  readonly isTerminating: boolean
}

interface Reviewed {
  readonly sidecar: Sidecar
  /** `status.podIPs`, as the kubelet reported them. */
  readonly addresses: readonly string[]
}

interface Cached extends Reviewed {
  readonly untilMs: number
}

/**
 * Who a projected token speaks for: TokenReview with our audience, bound to a pod, and that very pod alive and as the
 * webhook made it. A token alone stays valid for a while after its pod was deleted, and any pod may ask for one.
 */
export class SidecarAuthenticator {
  readonly #options: AuthenticatorOptions
  readonly #cache = new Map<string, Cached>()
  readonly #reviewing = new Map<string, Promise<Reviewed>>()

  constructor(options: AuthenticatorOptions) {
    this.#options = options
  }

  /**
   * @param authorization  the request's header.
   * @param remoteAddress  where the connection comes from.
   * @throws BundleError `unauthenticated` or `forbidden`, `busy` while the pod has no address yet; KubeError when the API
   *   server cannot be asked.
   */
  async authenticate(authorization: string | undefined, remoteAddress: string | undefined): Promise<Sidecar> {
    const token = /^Bearer ([\w.~+/=-]{16,8192})$/.exec(authorization ?? '')?.[1]
    if (token === undefined) throw this.#refuse('unauthenticated', 'a bearer token is required')
    const hash = createHash('sha256').update(token).digest('base64')
    const cached = this.#cache.get(hash)
    if (cached && cached.untilMs > this.#options.nowMs()) {
      this.#options.onResult('cached')
      return this.#at(cached, remoteAddress)
    }
    const running = this.#reviewing.get(hash)
    if (running) return this.#at(await running, remoteAddress)
    const review = this.#review(token, hash).finally(() => this.#reviewing.delete(hash))
    this.#reviewing.set(hash, review)
    return this.#at(await review, remoteAddress)
  }

  /** A pod has changed or is gone: ask anew. */
  forget(podUid: string): void {
    for (const [hash, { sidecar }] of this.#cache) if (sidecar.subject.podUID === podUid) this.#cache.delete(hash)
  }

  /** Where a connection comes from cannot be chosen inside a pod that has no NET_RAW, and a pod keeps its addresses. */
  #at({ sidecar, addresses }: Reviewed, remoteAddress: string | undefined): Sidecar {
    if (!this.#options.checkAddress) return sidecar
    if (addresses.length === 0) throw new BundleError('busy', 'the address of the pod is not known yet')
    const from = remoteAddress?.replace(/^::ffff:(?=\d+\.)/, '')
    if (from === undefined || !addresses.includes(from))
      throw this.#refuse('forbidden', `the token is of a pod at another address than ${from ?? 'none'}`)
    return sidecar
  }

  async #review(token: string, hash: string): Promise<Reviewed> {
    const identity = parseReview(await this.#ask(token))
    if (!identity)
      throw this.#refuse(
        'unauthenticated',
        `the token is not valid for the audience ${sidecarTokenAudience}, or not bound to a pod`,
      )
    const reviewed = await this.#livePod(identity)
    this.#options.onResult('ok')
    this.#sweep()
    // A pod without an address is asked for again: the kubelet reports it a moment after it has started a container.
    const isComplete = !this.#options.checkAddress || reviewed.addresses.length > 0
    if (isComplete)
      this.#cache.set(hash, { ...reviewed, untilMs: this.#options.nowMs() + (this.#options.cacheMs ?? 60_000) })
    return reviewed
  }

  async #ask(token: string): Promise<unknown> {
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token, audiences: [sidecarTokenAudience] },
    }
    try {
      return await this.#options.client.request({
        method: 'POST',
        path: '/apis/authentication.k8s.io/v1/tokenreviews',
        body,
        timeoutMs: 5000,
      })
    } catch (error) {
      this.#options.onResult('error')
      throw error
    }
  }

  async #livePod(identity: Identity): Promise<Reviewed> {
    const { namespace, serviceAccount, pod, podUID } = identity
    let answer: unknown
    try {
      answer = await this.#options.client.request({
        path: `/api/v1/namespaces/${namespace}/pods/${pod}`,
        timeoutMs: 5000,
      })
    } catch (error) {
      if (!isKubeError(error, 'not-found')) throw error
      throw this.#refuse('forbidden', 'the pod of the token does not exist any more')
    }
    const object = parseKubeObject(answer)
    const spec = isRecord(answer) && isRecord(answer.spec) ? answer.spec : {}
    if (object?.metadata.uid !== podUID) throw this.#refuse('forbidden', 'the pod of the token was replaced by another')
    if (spec.serviceAccountName !== serviceAccount)
      throw this.#refuse('forbidden', 'the pod runs as another ServiceAccount')
    const forgery = this.#options.findForgery(answer, namespace)
    if (forgery !== null) throw this.#refuse('forbidden', `pod-not-genuine: ${forgery}`)
    const isTerminating = object.metadata.deletionTimestamp !== undefined
    const subject = { namespace, serviceAccount, pod, podUID, labels: object.metadata.labels ?? {} }
    return { sidecar: { subject, isTerminating }, addresses: podAddresses(answer) }
  }

  #refuse(code: 'unauthenticated' | 'forbidden', message: string): BundleError {
    this.#options.onResult('refused')
    return new BundleError(code, message)
  }

  #sweep(): void {
    const now = this.#options.nowMs()
    for (const [hash, { untilMs }] of this.#cache) {
      if (untilMs > now && this.#cache.size <= maxCached) break
      this.#cache.delete(hash)
    }
  }
}

const maxCached = 10_000

type Identity = Omit<Subject, 'labels'>

/** The identity in a TokenReview's status; null where it is not authenticated, not for us or not bound to a pod. */
export function parseReview(review: unknown): Identity | null {
  const status = isRecord(review) ? review.status : null
  if (!isRecord(status) || status.authenticated !== true || !isRecord(status.user)) return null
  // An authenticator that knows no audiences ignores ours and names none.
  if (!Array.isArray(status.audiences) || !status.audiences.includes(sidecarTokenAudience)) return null
  const { username, extra } = status.user
  const account = typeof username === 'string' ? /^system:serviceaccount:([^:]+):([^:]+)$/.exec(username) : null
  const [, namespace, serviceAccount] = account ?? []
  const pod = extraOf(extra, 'authentication.kubernetes.io/pod-name')
  const podUID = extraOf(extra, 'authentication.kubernetes.io/pod-uid')
  if (namespace === undefined || serviceAccount === undefined || pod === null || podUID === null) return null
  return { namespace, serviceAccount, pod, podUID }
}

/** `status.podIPs` of a pod; empty before the kubelet has said it. */
function podAddresses(pod: unknown): readonly string[] {
  const status = isRecord(pod) ? pod.status : null
  const list: readonly unknown[] = isRecord(status) && Array.isArray(status.podIPs) ? status.podIPs : []
  return list.flatMap((each) => (isRecord(each) && typeof each.ip === 'string' ? [each.ip] : []))
}

function extraOf(extra: unknown, name: string): string | null {
  const values = isRecord(extra) ? extra[name] : undefined
  const value: unknown = Array.isArray(values) && values.length === 1 ? values[0] : null
  return typeof value === 'string' && value !== '' ? value : null
}
