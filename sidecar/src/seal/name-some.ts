/** `a, b, c and 4 more`: a sentence must not grow with a namespace. */
export function nameSome(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ')
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown
}
