/** When a grant of a folder is in force. */
export interface GrantTimes {
  readonly notBeforeMs: number | null
  readonly notAfterMs: number | null
  readonly durationMs: number | null
}

export interface Activation {
  readonly activatedAtMs: number
  readonly expiresAtMs: number
}

interface Remembered {
  readonly activation: Activation
  ended: boolean
}

/**
 * What this process remembers of the grants of a folder: a grant starts when it is first seen, once. One that ended, be
 * it by time or because its manifest went away, stays ended until something in its spec changes.
 */
export class GrantMemory {
  readonly #known = new Map<string, Remembered>()

  /**
   * The activation of each grant that is in force.
   * @param grants  every grant of the folder; `identity` holds namespace, name and spec.
   */
  activate(
    grants: readonly { readonly identity: string; readonly times: GrantTimes }[],
    nowMs: number,
  ): ReadonlyMap<string, Activation> {
    const present = new Set(grants.map((grant) => grant.identity))
    for (const [identity, remembered] of this.#known) if (!present.has(identity)) remembered.ended = true
    const active = new Map<string, Activation>()
    for (const { identity, times } of grants) {
      const remembered = this.#known.get(identity) ?? this.#start(identity, times, nowMs)
      if (!remembered) continue
      if (nowMs >= remembered.activation.expiresAtMs) remembered.ended = true
      if (!remembered.ended) active.set(identity, remembered.activation)
    }
    return active
  }

  /** Null where it has not begun. */
  #start(identity: string, times: GrantTimes, nowMs: number): Remembered | null {
    if (times.notBeforeMs !== null && nowMs < times.notBeforeMs) return null
    const byDurationMs = times.durationMs === null ? Infinity : nowMs + times.durationMs
    const expiresAtMs = Math.min(byDurationMs, times.notAfterMs ?? Infinity)
    const remembered = { activation: { activatedAtMs: nowMs, expiresAtMs }, ended: !Number.isFinite(expiresAtMs) }
    this.#known.set(identity, remembered)
    return remembered
  }
}

/** When to look again, although no file changes: a grant begins. Null: never. */
export function nextBeginningMs(grants: readonly { readonly times: GrantTimes }[], nowMs: number): number | null {
  const coming = grants.flatMap(({ times }) =>
    times.notBeforeMs !== null && times.notBeforeMs > nowMs ? [times.notBeforeMs] : [],
  )
  return coming.length === 0 ? null : Math.min(...coming)
}
