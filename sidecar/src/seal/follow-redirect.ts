import type { Logger } from 'pino'
import type { DatabaseBinding, SidecarSeal } from '@sallyport/crds'
import type { Clock } from '../model/clock.ts'
import type { ProbeFolder } from './probe-folder.ts'
import { parseProbeResult, type ProbeResult } from './probe-result.ts'
import { splitDatabases, type RedirectedDatabases } from './probe-targets.ts'
import { redirectSeal, startProblem, type RedirectFindings } from './redirect-seal.ts'
import { SealError } from './seal-error.ts'

export interface FollowRedirectOptions {
  readonly folder: ProbeFolder
  /** Ports of the pod's rules, by `<namespace>/<name>`. */
  readonly redirects: ReadonlyMap<string, number>
  /** Those of the current snapshot. */
  readonly databases: () => readonly DatabaseBinding[]
  /** Calls `listener` when they may have changed. @returns how to stop it. */
  readonly subscribe: (listener: () => void) => () => void
  /**
   * What is known now, as often as it is looked at: the seal (null: nothing yet) and why the pod may not start (null: it
   * may).
   */
  readonly onFindings: (seal: SidecarSeal | null, startProblem: string | null) => void
  /** Above every revision an earlier process of this pod has used: a result for its targets is none for ours. */
  readonly firstRevision: number
  readonly clock: Pick<Clock, 'monotonic'>
  readonly pause: (durationMs: number, signal: AbortSignal) => Promise<void>
  readonly signal: AbortSignal
  readonly log: Logger
  /** How often it is looked where the system does not tell of changes. */
  readonly pollMs?: number
  /** A probe that says nothing for so long has failed; it speaks every 60 s. */
  readonly silenceMs?: number
}

/** Tells the probe what to try, and what it found, until `signal` aborts. */
export async function followRedirect(options: FollowRedirectOptions): Promise<void> {
  const { folder, signal, log, pause, pollMs = 2_000 } = options
  const follower = new RedirectFollower(options)
  let wake = new AbortController()
  const onChange = (): void => wake.abort()
  const stops = [options.subscribe(onChange), folder.watch(onChange, log)]
  while (!signal.aborted) {
    wake = new AbortController()
    const findings = await follower.look()
    options.onFindings(redirectSeal(findings), startProblem(findings))
    await pause(pollMs, AbortSignal.any([signal, wake.signal]))
  }
  for (const stop of stops) stop()
}

class RedirectFollower {
  readonly #options: FollowRedirectOptions
  #revision: number
  /** Targets as they were written last. */
  #written: string | null = null
  #result: ProbeResult | null = null
  #heardMs: number
  /** Said last, so that a lasting trouble is one line of the log. */
  #trouble: string | null = null

  constructor(options: FollowRedirectOptions) {
    this.#options = options
    this.#revision = options.firstRevision
    this.#heardMs = options.clock.monotonic()
  }

  async look(): Promise<RedirectFindings> {
    const split = splitDatabases(this.#options.databases(), this.#options.redirects)
    const trouble = await this.#exchange(split)
    if (trouble !== null && trouble !== this.#trouble) this.#options.log.warn({ trouble }, 'the probe is not heard of')
    this.#trouble = trouble
    return { ...split, result: this.#result, silence: trouble ?? this.#silence() }
  }

  /** @returns what keeps the two from talking, one sentence; null when nothing does. */
  async #exchange(split: RedirectedDatabases): Promise<string | null> {
    const { folder } = this.#options
    try {
      const wanted = JSON.stringify(split.targets)
      if (wanted !== this.#written) {
        this.#result = null
        await folder.writeTargets({ revision: this.#revision + 1, targets: split.targets })
        this.#revision += 1
        this.#written = wanted
        this.#heardMs = this.#options.clock.monotonic()
      }
      const text = await folder.readResult()
      if (text !== null) this.#take(parseProbeResult(text))
      return null
    } catch (cause) {
      if (cause instanceof SealError) return cause.message
      this.#options.log.debug({ err: cause }, 'the folder shared with the probe cannot be used')
      return 'the folder shared with the probe cannot be used'
    }
  }

  #take(result: ProbeResult): void {
    if (result.revision !== this.#revision) return
    if (result.unixMs !== this.#result?.unixMs) this.#heardMs = this.#options.clock.monotonic()
    this.#result = result
  }

  #silence(): string | null {
    const { clock, silenceMs = 200_000 } = this.#options
    const elapsedMs = clock.monotonic() - this.#heardMs
    return elapsedMs < silenceMs ? null : `the probe has said nothing for ${Math.round(silenceMs / 1000)} s`
  }
}
