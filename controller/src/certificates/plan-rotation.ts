import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { KeyPair } from './key-pair.ts'

/** What the Secret holds. */
export interface Authorities {
  /** Signs the serving certificate. */
  readonly signing: KeyPair
  /** Already trusted, not signing yet: the one that follows. */
  readonly next: KeyPair | null
  /** PEM of an authority that signs no more, trusted until its end. */
  readonly previous: string | null
  readonly serving: KeyPair
}

export type RotationStep =
  | { readonly kind: 'Keep' }
  /** Nothing usable is there. */
  | { readonly kind: 'Begin' }
  /** Make the authority that follows and have it trusted. */
  | { readonly kind: 'Announce' }
  /** It has been trusted long enough: sign with it. */
  | { readonly kind: 'Switch' }
  | { readonly kind: 'RenewServing' }
  /** Trust the previous authority no more. */
  | { readonly kind: 'Forget' }

export const lifetimes = {
  authorityMs: 10 * 365 * 86_400_000,
  /** Before its end the next authority is announced. */
  announceMs: 365 * 86_400_000,
  /** How long an authority is trusted before it signs: everybody must have heard of it. */
  overlapMs: 86_400_000,
  servingMs: 90 * 86_400_000,
  /** Before its end the serving certificate is renewed. */
  renewMs: 30 * 86_400_000,
} as const

/** The one thing to do next. Call it again after it was done. */
export function planRotation(held: Authorities | null, names: readonly string[], nowMs: number): RotationStep {
  if (!held) return { kind: 'Begin' }
  const signing = new X509Certificate(held.signing.cert)
  if (nowMs >= signing.validToDate.getTime()) return { kind: 'Begin' }
  if (held.next) {
    const since = new X509Certificate(held.next.cert).validFromDate.getTime()
    if (nowMs - since >= lifetimes.overlapMs) return { kind: 'Switch' }
  } else if (signing.validToDate.getTime() - nowMs < lifetimes.announceMs) return { kind: 'Announce' }
  if (held.previous !== null && nowMs >= new X509Certificate(held.previous).validToDate.getTime()) {
    return { kind: 'Forget' }
  }
  return isServing(held, signing, names, nowMs) ? { kind: 'Keep' } : { kind: 'RenewServing' }
}

function isServing(held: Authorities, signing: X509Certificate, names: readonly string[], nowMs: number): boolean {
  const serving = new X509Certificate(held.serving.cert)
  return (
    serving.validToDate.getTime() - nowMs >= lifetimes.renewMs &&
    serving.checkIssued(signing) &&
    serving.verify(signing.publicKey) &&
    names.every((name) => (isIP(name) === 0 ? serving.checkHost(name) : serving.checkIP(name)) !== undefined)
  )
}

/** PEM of everyone to trust now. */
export function trustBundle({ signing, next, previous }: Authorities): string {
  return [signing.cert, next?.cert ?? null, previous]
    .filter((pem) => pem !== null)
    .map((pem) => `${pem.trim()}\n`)
    .join('')
}
