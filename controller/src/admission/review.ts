import { isRecord } from '../kube/objects.ts'

/** What of an AdmissionReview request (admission.k8s.io/v1) is read here. */
export interface AdmissionRequest {
  readonly uid: string
  readonly operation: string
  readonly namespace: string | undefined
  readonly username: string
  readonly groups: readonly string[]
  /** Nothing will be stored, and nothing else may happen. */
  readonly dryRun: boolean
  readonly object: unknown
  readonly oldObject: unknown
}

export type AdmissionAnswer =
  | {
      readonly kind: 'Allow'
      readonly patch?: readonly object[]
      readonly warnings?: readonly string[]
      /** What was done, one kebab-case word: the label of the metric. Absent: `allowed`. */
      readonly outcome?: string
    }
  /** `reason`: one kebab-case word, the label of the metric. */
  | { readonly kind: 'Refuse'; readonly reason: string; readonly problems: readonly Problem[] }

export interface Problem {
  /** As in `spec.permissions[0].relations`. */
  readonly path: string
  /** What is wrong and what to do. */
  readonly message: string
}

/** @returns null where it is no AdmissionReview. */
export function parseReview(body: unknown): AdmissionRequest | null {
  const request = isRecord(body) ? body.request : null
  if (!isRecord(request) || typeof request.uid !== 'string' || typeof request.operation !== 'string') return null
  const { userInfo, namespace } = request
  const { username, groups } = isRecord(userInfo) ? userInfo : {}
  return {
    uid: request.uid,
    operation: request.operation,
    namespace: typeof namespace === 'string' && namespace !== '' ? namespace : undefined,
    username: typeof username === 'string' ? username : '',
    groups: Array.isArray(groups) ? groups.filter((group) => typeof group === 'string') : [],
    dryRun: request.dryRun === true,
    object: request.object,
    oldObject: request.oldObject,
  }
}

/** The AdmissionReview that answers a request; a refusal is 403 with every problem and its path. */
export function answerReview(uid: string, answer: AdmissionAnswer): object {
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid, ...respond(answer) } }
}

/** The refusal in words: the reason first, then every problem with its path. */
export function refusalMessage({ reason, problems }: Extract<AdmissionAnswer, { kind: 'Refuse' }>): string {
  return `${reason}: ${problems.map(({ path, message }) => `${path}: ${message}`).join('; ')}`
}

function respond(answer: AdmissionAnswer): object {
  if (answer.kind === 'Refuse') {
    const causes = answer.problems.map(({ path, message: text }) => ({ reason: answer.reason, field: path, message: text })) // prettier-ignore
    return { allowed: false, status: { code: 403, reason: 'Forbidden', message: refusalMessage(answer), details: { causes } } } // prettier-ignore
  }
  const { patch = [], warnings = [] } = answer
  return {
    allowed: true,
    ...(warnings.length > 0 ? { warnings } : {}),
    ...(patch.length > 0
      ? { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') }
      : {}),
  }
}
