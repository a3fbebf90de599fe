import { firstUserOid, type Catalog } from './catalog.ts'
import { createWalk } from './create-walk.ts'
import { FactsBuilder } from './facts-builder.ts'
import { codeOf } from './types.ts'

/**
 * Functions that a value of a declared parameter type may run: when Bind reads it, and where the statement converts it. They
 * are not in the text. @param oid of a Parse message; 0: left to the server.
 */
export function parameterCode(catalog: Catalog, oid: number): readonly string[] {
  if (oid < firstUserOid) return []
  const type = catalog.typeByOid(oid)
  if (!type) return [`type ${oid}`]
  const walk = createWalk({ catalog, database: '', searchPath: [] }, new FactsBuilder())
  const casts = catalog.data.casts.filter(({ source }) => source === oid)
  return [...codeOf(walk, type), ...casts.map((cast) => cast.function)]
}
