import type { Catalog } from './catalog.ts'
import { createWalk } from './create-walk.ts'
import { FactsBuilder } from './facts-builder.ts'
import { parameterCode } from './parameter-types.ts'

/** See {@link parameterCode}, where no statement is walked: of a Parse message. */
export function declaredParameterCode(catalog: Catalog, oid: number): readonly string[] {
  return parameterCode(createWalk({ catalog, database: '', searchPath: [] }, new FactsBuilder()), oid)
}
