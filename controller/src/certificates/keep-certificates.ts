import type { Logger } from 'pino'
import { isKubeError, KubeError } from '../kube/errors.ts'
import { repeat, type Repeated } from '../kube/repeat.ts'
import { waitFor, type Look } from '../kube/wait-for.ts'
import type { Certificates } from '../rooms.ts'
import { CertificateError } from './errors.ts'
import { endOf, type Served } from './serving-problem.ts'

export interface CertificateSource {
  /** For the log. */
  readonly what: string
  /** What there is to serve with now. */
  readonly load: () => Promise<Look<Served>>
  /**
   * Has the API server trust what is served, or looks whether it does.
   * @returns why it does not; null: it does. Rejects with a KubeError where that cannot be known.
   */
  readonly trust: (served: Served) => Promise<string | null>
  readonly log: Logger
  /** Ends the wait for the first certificate. */
  readonly signal: AbortSignal
  /** How often Secret and webhook configurations are looked at: an upgrade of the release may have reset them. */
  readonly checkMs?: number
  /** The same, while the API server would refuse us. */
  readonly urgentMs?: number
}

/** Waits for the first certificate, then follows what the source loads; while nothing better is there, what is held is kept. */
export async function keepCertificates(source: CertificateSource): Promise<Certificates> {
  const { what, load, log, signal, urgentMs = 1000 } = source
  const keeper = new CertificateKeeper(source, await waitFor({ what, look: load, log, signal, pollMs: urgentMs }))
  await keeper.start()
  return keeper
}

class CertificateKeeper implements Certificates {
  readonly #source: CertificateSource
  readonly #subscribers = new Set<() => void>()
  #held: Served
  #problem: string | null = 'it was not asked yet'
  #repeated: Repeated | null = null

  constructor(source: CertificateSource, held: Served) {
    this.#source = source
    this.#held = held
  }

  async start(): Promise<void> {
    await this.#updateTrust()
    this.#repeated = repeat(() => this.#check(), this.#pauseMs)
  }

  current(): Served['serving'] {
    return this.#held.serving
  }

  caBundle(): string {
    return this.#held.bundle
  }

  isPublished(): boolean {
    return this.#problem === null
  }

  expiresAtMs(): number {
    return endOf(this.#held.serving.cert)
  }

  subscribe(changed: () => void): void {
    this.#subscribers.add(changed)
  }

  async close(): Promise<void> {
    await this.#repeated?.close()
  }

  get #pauseMs(): number {
    const { checkMs = 5000, urgentMs = 1000 } = this.#source
    return this.#problem === null ? checkMs : urgentMs
  }

  async #check(): Promise<number> {
    const next = await this.#load()
    if (next && isOther(next, this.#held) && (await this.#mayReplace(next))) this.#hold(next)
    await this.#updateTrust()
    return this.#pauseMs
  }

  /** @returns null where nothing usable is there now, or the API server is away. */
  async #load(): Promise<Served | null> {
    const { load, log } = this.#source
    try {
      const look = await load()
      if (look.kind === 'Found') return look.value
      log.warn({ why: look.why }, 'the certificate held before is kept')
    } catch (err) {
      if (!(err instanceof KubeError || err instanceof CertificateError)) throw err
      log.warn({ err }, 'the certificates cannot be checked')
    }
    return null
  }

  /** What the API server does not trust yet takes the place of nothing that it trusts. */
  async #mayReplace(next: Served): Promise<boolean> {
    const answer = await this.#ask(next)
    const isBetter = answer === null || (answer !== undefined && typeof (await this.#ask(this.#held)) === 'string')
    if (!isBetter) this.#source.log.info({ why: answer }, 'a new certificate waits until the API server trusts it')
    return isBetter
  }

  #hold(next: Served): void {
    this.#held = next
    this.#source.log.info({ until: new Date(this.expiresAtMs()) }, 'another certificate is served')
    for (const changed of this.#subscribers) changed()
  }

  async #updateTrust(): Promise<void> {
    const { log } = this.#source
    const problem = await this.#ask(this.#held)
    // Readiness must not hang on one lost request.
    if (problem === undefined || problem === this.#problem) return
    if (problem === null) log.info('the API server trusts what is served here')
    else log.warn({ why: problem }, 'the API server does not trust what is served here')
    this.#problem = problem
  }

  /** @returns undefined where it cannot be known now. */
  async #ask(served: Served): Promise<string | null | undefined> {
    try {
      return await this.#source.trust(served)
    } catch (err) {
      if (isKubeError(err, 'not-found')) return err.message
      if (!(err instanceof KubeError)) throw err
      this.#source.log.warn({ err }, 'the API server cannot be asked whom it trusts')
      return undefined
    }
  }
}

function isOther(one: Served, other: Served): boolean {
  return one.serving.cert !== other.serving.cert || one.bundle !== other.bundle
}
