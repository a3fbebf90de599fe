import { issueAuthority, issueServing } from './issue.ts'
import { lifetimes, planRotation, type Authorities, type RotationStep } from './plan-rotation.ts'

/**
 * Takes every step that is due.
 * @param names  DNS names and IP addresses the serving certificate must be good for.
 * @returns the same object where nothing was due.
 */
export async function rotate(
  held: Authorities | null,
  names: readonly string[],
  nowMs: number,
  onStep: (step: RotationStep['kind']) => void = () => undefined,
): Promise<Authorities> {
  let state = held
  for (;;) {
    const step = planRotation(state, names, nowMs)
    if (state && step.kind === 'Keep') return state
    onStep(step.kind)
    state = await take(step.kind, state, names, nowMs)
  }
}

async function take(
  step: RotationStep['kind'],
  held: Authorities | null,
  names: readonly string[],
  nowMs: number,
): Promise<Authorities> {
  const serve = (signing: Authorities['signing']): ReturnType<typeof issueServing> =>
    issueServing(signing, names, nowMs, lifetimes.servingMs)
  if (!held || step === 'Begin') {
    const signing = await issueAuthority('sallyport', nowMs, lifetimes.authorityMs)
    return { signing, next: null, previous: null, serving: await serve(signing) }
  }
  switch (step) {
    case 'Announce':
      return { ...held, next: await issueAuthority('sallyport', nowMs, lifetimes.authorityMs) }
    case 'Switch': {
      const signing = held.next ?? held.signing
      return { signing, next: null, previous: held.signing.cert, serving: await serve(signing) }
    }
    case 'Forget':
      return { ...held, previous: null }
    case 'RenewServing':
    case 'Keep':
      return { ...held, serving: await serve(held.signing) }
  }
}
