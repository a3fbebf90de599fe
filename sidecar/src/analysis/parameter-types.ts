import { firstUserOid } from './catalog.ts'
import { codeOf } from './types.ts'
import type { Walk } from './walk.ts'

/**
 * Functions that a value of a declared parameter type may run: when Bind reads it, and where the statement converts it. They
 * are not in the text. @param oid of a Parse message or of PREPARE; 0: left to the server.
 */
export function parameterCode(walk: Walk, oid: number): readonly string[] {
  if (oid < firstUserOid) return []
  const type = walk.catalog.typeByOid(oid)
  if (!type) return [`type ${oid}`]
  const casts = walk.catalog.data.casts.filter(({ source }) => source === oid)
  return [...codeOf(walk, type), ...casts.map((cast) => cast.function)]
}
