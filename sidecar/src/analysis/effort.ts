/** Taking a statement apart took more steps than a statement may take. */
export class EffortError extends Error {
  override readonly name = 'EffortError'
}

/**
 * Steps one statement may take: a look at a column or an expression is one. They take about a quarter of a
 * second; what people and tools write takes thousands.
 */
const maxSteps = 300_000

/** Counts what is done for one statement. Short texts can mean much: each query of WITH may double the columns of the last. */
export class Effort {
  #steps = 0

  /** @throws EffortError */
  spend(steps: number): void {
    this.#steps += steps
    if (this.#steps > maxSteps) throw new EffortError('too many steps')
  }
}
