import type { FuncCall, Node, TypeName } from '@pgsql/types'
import type { CatalogFunction } from './catalog.ts'
import { reviewedFunctions } from './data/reviewed-functions.ts'
import { isHiddenSetting } from './hidden-settings.ts'
import { literal } from './literals.ts'
import { names } from './node-access.ts'
import { pathOf } from './relations.ts'
import type { Walk } from './walk.ts'

/** Aggregates that put many rows into one value. */
const packing = new Set(
  `array_agg string_agg json_agg jsonb_agg json_object_agg jsonb_object_agg json_agg_strict jsonb_agg_strict
  json_object_agg_strict jsonb_object_agg_strict json_object_agg_unique jsonb_object_agg_unique
  json_object_agg_unique_strict jsonb_object_agg_unique_strict xmlagg range_agg`.split(/\s+/),
)

/**
 * Every function a call may mean: the server chooses among overloads by argument types, so each that fits by name and
 * number of arguments must be allowed.
 */
export function callFunction(walk: Walk, name: readonly string[], args: readonly Node[], call: FuncCall | null): void {
  const own = name.at(-1) ?? ''
  const candidates = findFunctions(walk, name, args.length, call?.func_variadic === true)
  if (candidates.length === 0) {
    walk.facts.problem('unknown-object', `${name.join('.')}()`)
    return
  }
  for (const candidate of candidates) use(walk, candidate)
  if (candidates.some(({ schema }) => schema === 'pg_catalog')) {
    if (packing.has(own)) walk.facts.packsRows = true
    if (own === 'set_config') noteSetConfig(walk, args)
    if (own === 'current_setting') noteCurrentSetting(walk, args)
  }
}

function findFunctions(
  walk: Walk,
  name: readonly string[],
  count: number,
  variadic: boolean,
): readonly CatalogFunction[] {
  const own = name.at(-1) ?? ''
  const fits = (each: CatalogFunction): boolean =>
    variadic || (each.minArgs <= count && count <= each.maxArgs) || each.kind === 'Aggregate'
  const schemas = name.length > 1 ? [name.at(-2) ?? ''] : pathOf(walk)
  return schemas.flatMap((schema) => walk.catalog.functions(`${schema}.${own}`).filter(fits))
}

function use(walk: Walk, { schema, name, volatility }: CatalogFunction): void {
  const qualified = `${schema}.${name}`
  // set_config is judged as SET: by what it sets.
  const listed = schema === 'pg_catalog' && (reviewedFunctions.has(name) || name === 'set_config')
  walk.facts.functions.set(qualified, { name: qualified, listed, volatility })
}

/** Judged as SHOW. */
function noteCurrentSetting(walk: Walk, [first]: readonly Node[]): void {
  const name = literal(first)?.toLowerCase() ?? null
  if (name === null || isHiddenSetting(name))
    walk.facts.problem('setting-not-listed', `current_setting(${name ?? 'no literal'})`)
}

function noteSetConfig(walk: Walk, args: readonly Node[]): void {
  const [name, value] = args.map(literal)
  if (name === null || name === undefined) {
    walk.facts.settings.push({ name: 'all', value: null, opaque: true })
    return
  }
  walk.facts.settings.push({
    name: name.toLowerCase(),
    value: value ?? null,
    opaque: value === null || value === undefined,
  })
}

/** Operators of pg_catalog are as pure as the functions behind them; others run the function they name. */
export function useOperator(walk: Walk, name: readonly string[]): void {
  const own = name.at(-1) ?? ''
  const schema = name.length > 1 ? name.at(-2) : undefined
  if (schema === 'pg_catalog') return
  const schemas = schema === undefined ? pathOf(walk) : [schema]
  const found = (walk.catalog.data.userOperators.get(own) ?? []).filter((each) => schemas.includes(each.schema))
  if (schema !== undefined && found.length === 0) walk.facts.problem('unknown-object', `OPERATOR(${name.join('.')})`)
  for (const each of found)
    walk.facts.functions.set(each.function, { name: each.function, listed: false, volatility: 'Unknown' })
}

/** A type that runs code of its own (a domain with a CHECK, a cast by function) counts as a function of its name. */
export function useType(walk: Walk, type: TypeName): void {
  const path = names(type.names)
  const own = path.at(-1) ?? ''
  const schemas = path.length > 1 ? [path.at(-2) ?? ''] : pathOf(walk)
  for (const schema of schemas) {
    if (schema === 'pg_catalog' && walk.catalog.data.builtInTypes.has(own)) return
    const found = walk.catalog.data.userTypes.get(`${schema}.${own}`)
    if (!found) continue
    const name = `${schema}.${own}`
    if (found.runsCode) walk.facts.functions.set(name, { name, listed: false, volatility: 'Unknown' })
    return
  }
  walk.facts.problem('unknown-object', `type ${path.join('.')}`)
}
