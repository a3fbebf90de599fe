/** Bytes up to which no text is deep enough to hurt: two bytes are the least a level takes, and 12,000 levels are safe. */
const maxShortBytes = 8 * 1024
/** Longer ones are parsed here as long as they cannot be deep, and take some milliseconds at most. */
const maxFlatBytes = 64 * 1024
const maxFlatNesting = 500
const maxDefinitionNesting = 8_000

/** Whether a text may be parsed in this thread, whose stack is that of Node.js. */
export function isShallow(text: string, bytes: number): boolean {
  return bytes <= maxShortBytes || (bytes <= maxFlatBytes && nesting(text) <= maxFlatNesting)
}

/** The same for what the server has as a definition of a view or a column: no agent wrote it, and there is no waiting for it. */
export function isShallowDefinition(text: string): boolean {
  return nesting(text) <= maxDefinitionNesting
}

/** More separators than this make a tree that no memory is set aside for; in quotes they count, too: nothing is parsed yet. */
const maxSeparators = 80_000

export function hasTooManyParts(text: string): boolean {
  let separators = 0
  for (let index = 0; index < text.length; index++) {
    const character = text[index]
    if (character === ',' || character === ';' || character === '(') separators++
  }
  return separators > maxSeparators
}

/** A bound on how deep the text can nest: brackets, and operators that chain to the left. */
function nesting(text: string): number {
  let operators = 0
  for (const character of text) if ('([+-*/|&<>=~!%^:@#?`'.includes(character)) operators++
  const words = text.match(/\b(and|or|not|union|intersect|except|case|join|collate|at|is|isnull|notnull|in|like|ilike|similar|between|select|with|over)\b/gi) // prettier-ignore
  return operators + (words?.length ?? 0)
}
