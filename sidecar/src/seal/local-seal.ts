import type { SealReason, SidecarSeal } from '@sallyport/crds'
import { nameSome } from './name-some.ts'

/** How a database answers a stranger who names a user and no password. */
export type LoginAnswer =
  | { readonly kind: 'LoginRequired' }
  /** It let the stranger in. */
  | { readonly kind: 'OpenToAll' }
  /** `detail` completes "… could not be tried: ". */
  | { readonly kind: 'Failed'; readonly detail: string }

export interface DatabaseAnswer {
  /** `<namespace>/<name>` */
  readonly database: string
  readonly answer: LoginAnswer
}

/**
 * The seal of a pod in Local mode, which is never True: whoever goes around the sidecar reaches the database, and its login
 * is what is left. The worst that is known counts.
 */
export function localSeal(answers: readonly DatabaseAnswer[]): SidecarSeal {
  const of = (kind: LoginAnswer['kind']): readonly string[] =>
    answers.filter(({ answer }) => answer.kind === kind).map(({ database }) => database)
  const [open, closed] = [of('OpenToAll'), of('LoginRequired')]
  if (open.length > 0) return seal('False', 'OpenToAll', `${nameSome(open)} lets strangers in past the sidecar`)
  const failed = answers.find(({ answer }) => answer.kind === 'Failed')
  const untried =
    failed?.answer.kind === 'Failed' ? `${failed.database} could not be tried: ${failed.answer.detail}` : ''
  if (closed.length > 0) {
    const rest = untried === '' ? '' : `; ${untried}`
    return seal('False', 'LoginRequired', `past the sidecar ${nameSome(closed)} asks for a login${rest}`)
  }
  return seal('Unknown', 'ProbeFailed', untried === '' ? 'there is no Database to be tried' : untried)
}

function seal(status: SidecarSeal['status'], reason: SealReason, message: string): SidecarSeal {
  return { mode: 'Local', status, reason, message }
}
