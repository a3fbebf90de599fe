/** metav1.Condition. */
export interface Condition {
  readonly type: string
  readonly status: 'True' | 'False' | 'Unknown'
  /** CamelCase word, never empty. */
  readonly reason: string
  readonly message: string
  /** RFC 3339, seconds. */
  readonly lastTransitionTime: string
  readonly observedGeneration?: number
}

export type NewCondition = Omit<Condition, 'lastTransitionTime'>

/**
 * Adds or replaces one condition. `lastTransitionTime` moves only when `status` does.
 * @param nowMs  Unix milliseconds.
 */
export function setCondition(conditions: readonly Condition[], next: NewCondition, nowMs: number): Condition[] {
  const present = conditions.find((condition) => condition.type === next.type)
  const lastTransitionTime = present?.status === next.status ? present.lastTransitionTime : toSeconds(nowMs)
  const others = conditions.filter((condition) => condition.type !== next.type)
  return [...others, { ...next, lastTransitionTime }].sort((a, b) => (a.type < b.type ? -1 : 1))
}

/** Sets several, see {@link setCondition}. */
export function setConditions(
  conditions: readonly Condition[],
  next: readonly NewCondition[],
  nowMs: number,
): readonly Condition[] {
  let result = conditions
  for (const condition of next) result = setCondition(result, condition, nowMs)
  return result
}

/** RFC 3339 without a fraction, as metav1.Time has it. */
export function toSeconds(unixMs: number): string {
  return new Date(unixMs).toISOString().replace(/\.\d{3}Z$/, 'Z')
}

/** RFC 3339 with six digits: MicroTime refuses three. */
export function toMicroTime(unixMs: number): string {
  return new Date(unixMs).toISOString().replace('Z', '000Z')
}
