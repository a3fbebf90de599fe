/**
 * Rows that grants have given away in all sessions of this process, by the grant's UID. It is exact where this process is
 * the only one that serves the grant, as in standalone mode; in a cluster such limits are refused at admission.
 */
export class RowBudget {
  readonly #taken = new Map<string, number>()

  /** Takes one row. @returns false when `limit` rows have been taken before. */
  take(grantUid: string, limit: number): boolean {
    const taken = this.#taken.get(grantUid) ?? 0
    if (taken >= limit) return false
    this.#taken.set(grantUid, taken + 1)
    return true
  }
}
