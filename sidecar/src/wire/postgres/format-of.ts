/** Format codes of Bind: none means text for all, one stands for all. */
export function formatOf(formats: readonly number[], index: number): number {
  return formats.length === 1 ? (formats[0] ?? 0) : (formats[index] ?? 0)
}
