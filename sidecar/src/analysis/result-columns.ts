import type { CatalogFunction } from './catalog.ts'
import { isPolymorphic, typeOids } from './coercion.ts'
import type { ValueType } from './scope.ts'
import type { Walk } from './walk.ts'

export interface ResultColumn {
  readonly name: string
  readonly type: ValueType
}

/**
 * The columns a function in FROM gives, where all that the call may mean agree on them; null: not known.
 * @param alias names the one column of a function that gives no row.
 */
export function resultColumns(
  walk: Walk,
  found: readonly CatalogFunction[],
  type: ValueType,
  alias: string,
): readonly ResultColumn[] | null {
  const [first, ...others] = found.map((each) => columnsOf(walk, each, type, alias))
  if (!first || others.some((other) => JSON.stringify(other) !== JSON.stringify(first))) return null
  return first
}

function columnsOf(walk: Walk, each: CatalogFunction, type: ValueType, alias: string): readonly ResultColumn[] | null {
  const { outputs, returnType } = each
  if (outputs.length > 1) return outputs
  const result = walk.catalog.typeByOid(returnType)
  if (!result || returnType === typeOids.record) return null
  const [output] = outputs
  // A domain may be over a row, a polymorphic result may be one.
  const isRow = result.kind === 'Composite' || result.kind === 'Domain' || isPolymorphic(walk.catalog, returnType)
  if (isRow) return null
  return [{ name: alias === '' ? (output?.name ?? each.name) : alias, type }]
}
