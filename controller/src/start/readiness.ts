/** What has to hold before anybody may count on this process. */
export class Readiness {
  readonly #conditions = new Map<string, () => boolean>()

  /** @param what  as `/readyz` names it while it does not hold. */
  require(what: string, holds: () => boolean): void {
    this.#conditions.set(what, holds)
  }

  /** Not ready until the promise resolves. @returns what it resolves to. */
  async until<T>(what: string, promise: Promise<T>): Promise<T> {
    this.#conditions.set(what, () => false)
    const value = await promise
    this.#conditions.delete(what)
    return value
  }

  /** What does not hold, in the order it was required; empty: ready. */
  notReady(): readonly string[] {
    return [...this.#conditions].filter(([, holds]) => !holds()).map(([what]) => what)
  }
}
