/** The object without some of its fields. */
export function omit<T extends object, K extends string>(object: T, keys: readonly K[]): Omit<T, K> {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.some((one) => one === key))) as Omit<T, K>
}
