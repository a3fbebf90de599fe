import type { Logger } from 'pino'

export interface StartGateOptions {
  readonly pause: (durationMs: number, signal: AbortSignal) => Promise<void>
  readonly signal: AbortSignal
  readonly log: Logger
  readonly remindMs?: number
}

/**
 * What the kubelet waits for before it starts the application: `/readyz` answers 200 once this is open. It is opened once;
 * what comes later is said by the condition of the pod, because an application that runs is not helped by a failing probe.
 */
export class StartGate {
  #problem: string | null = 'the sidecar starts'

  /** Says why it is still closed, every 10 s. */
  constructor({ pause, signal, log, remindMs = 10_000 }: StartGateOptions) {
    const remind = async (): Promise<void> => {
      for (;;) {
        await pause(remindMs, signal)
        if (signal.aborted || this.#problem === null) return
        log.warn({ reason: this.#problem }, 'not ready: the application is not started')
      }
    }
    void remind()
  }

  /** One sentence; ignored once the gate is open. */
  wait(problem: string): void {
    if (this.#problem !== null) this.#problem = problem
  }

  open(): void {
    this.#problem = null
  }

  get isOpen(): boolean {
    return this.#problem === null
  }
}
