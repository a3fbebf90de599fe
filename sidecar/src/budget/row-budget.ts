/**
 * Rows that grants have given away in all sessions of this process, by the grant's UID. It is exact where this process is
 * the only one that serves the grant, as in standalone mode; in a cluster such limits are refused at admission.
 */
export class RowBudget {
  readonly #taken = new Map<string, number>()

  /** Takes `rows`, all or none. @returns false when with them more than `limit` would have been taken. */
  take(grantUid: string, limit: number, rows = 1): boolean {
    const taken = (this.#taken.get(grantUid) ?? 0) + rows
    if (taken > limit) return false
    this.#taken.set(grantUid, taken)
    return true
  }
}
