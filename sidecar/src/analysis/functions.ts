import type { FuncCall, Node } from '@pgsql/types'
import type { CatalogFunction } from './catalog.ts'
import { baseOf, castsBetween, commonType, isBuiltIn, isPolymorphic, mayPass, typeOids } from './coercion.ts'
import { reviewedFunctions } from './data/reviewed-functions.ts'
import { isHiddenSetting } from './hidden-settings.ts'
import { literal } from './literals.ts'
import { names } from './node-access.ts'
import { pathOf } from './relations.ts'
import { constant, type Value, type ValueType } from './scope.ts'
import type { Walk } from './walk.ts'

/** Aggregates that put many rows into one value. */
const packing = new Set(
  `array_agg string_agg json_agg jsonb_agg json_object_agg jsonb_object_agg json_agg_strict jsonb_agg_strict
  json_object_agg_strict jsonb_object_agg_strict json_object_agg_unique jsonb_object_agg_unique
  json_object_agg_unique_strict jsonb_object_agg_unique_strict xmlagg range_agg`.split(/\s+/),
)

/** Elements of an array with their places; pgjdbc asks for primary keys with it. */
const expandArray = 'information_schema._pg_expandarray'

export interface Call {
  readonly name: readonly string[]
  /** As written; empty where the arguments are not in the text. */
  readonly nodes: readonly Node[]
  readonly args: readonly Value[]
  /** `f(a => 1)`, WITHIN GROUP, VARIADIC: places of arguments are not those of the types. */
  readonly loose: boolean
}

/**
 * Every function a call may mean: the server chooses among overloads by argument types, so each that fits by name, number
 * of arguments and types, as far as they are known, must be allowed; and so must the casts it makes on the way.
 * @returns the functions; what their result is of.
 */
export function callFunction(walk: Walk, call: Call): { readonly found: readonly CatalogFunction[]; type: ValueType } {
  const own = call.name.at(-1) ?? ''
  const found = findFunctions(walk, call)
  if (found.length === 0) {
    walk.facts.problem('unknown-object', `${call.name.join('.')}()`)
    return { found, type: null }
  }
  for (const candidate of found) use(walk, candidate, call)
  if (found.some(({ schema }) => schema === 'pg_catalog')) {
    if (packing.has(own)) walk.facts.packsRows = true
    if (own === 'set_config') noteSetConfig(walk, call.nodes)
    if (own === 'current_setting') noteCurrentSetting(walk, call.nodes)
  }
  return { found, type: resultType(walk, found, call) }
}

/** `f(c)` by another spelling, `c.f` or `(x).f`: the function is called where there is one. */
export function mayCall(walk: Walk, name: string, arg: Value): boolean {
  const call: Call = { name: [name], nodes: [], args: [arg], loose: false }
  if (findFunctions(walk, call).length === 0) return false
  callFunction(walk, call)
  return true
}

/** The call as the grammar has it. */
export function callOf(
  { funcname, args = [], func_variadic: variadic, agg_within_group: within, ...call }: FuncCall,
  values: readonly Value[],
): Call {
  const nodes = args
  const order = within === true ? (call.agg_order ?? []).map(() => constant) : []
  const loose = variadic === true || within === true || nodes.some((node) => 'NamedArgExpr' in node)
  return { name: names(funcname), nodes, args: [...values, ...order], loose }
}

function findFunctions(walk: Walk, call: Call): readonly CatalogFunction[] {
  const own = call.name.at(-1) ?? ''
  const schemas = call.name.length > 1 ? [call.name.at(-2) ?? ''] : pathOf(walk)
  const named = schemas.flatMap((schema) => walk.catalog.functions(`${schema}.${own}`))
  const fitting = named.filter((each) => fits(walk, each, call))
  const exact = fitting.find((each) => each.schema === 'pg_catalog' && isExact(each, call))
  // What matches exactly, literals being text, stands before all that needs a conversion.
  return exact ? fitting.filter((each) => each === exact || isExact(each, call)) : fitting
}

function fits(walk: Walk, each: CatalogFunction, { args, loose }: Call): boolean {
  const count = args.length
  if (loose) return true
  if (each.kind !== 'Aggregate' && (count < each.minArgs || count > each.maxArgs)) return false
  if (each.maxArgs === Number.POSITIVE_INFINITY || each.schema === 'pg_catalog') return true
  return args.every(({ type }, index) => {
    const formal = each.argTypes[index]
    return formal === undefined || mayPass(walk.catalog, type, formal)
  })
}

function isExact(each: CatalogFunction, { args, loose }: Call): boolean {
  if (loose || args.length === 0 || each.argTypes.length !== args.length) return false
  return args.every(({ type }, index) => {
    const formal = each.argTypes[index]
    return type === formal || (type === 'Literal' && formal === typeOids.text)
  })
}

function use(walk: Walk, candidate: CatalogFunction, call: Call): void {
  const { schema, name, volatility } = candidate
  const qualified = `${schema}.${name}`
  // set_config is judged as SET: by what it sets.
  const listed =
    (schema === 'pg_catalog' && (reviewedFunctions.has(name) || name === 'set_config')) || qualified === expandArray
  walk.facts.functions.set(qualified, { name: qualified, listed, volatility })
  if (call.loose) return
  for (const [index, { type }] of call.args.entries()) {
    const formal = candidate.argTypes[index]
    if (formal !== undefined) useConversion(walk, type, formal, 'Implicit')
  }
}

/** Functions of users that a conversion runs which the server makes without being asked. */
export function useConversion(walk: Walk, type: ValueType, target: number, where: 'Implicit' | 'Assignment'): void {
  if (isPolymorphic(walk.catalog, target)) return
  if (typeof type === 'number' && baseOf(walk.catalog, type) === baseOf(walk.catalog, target)) return
  for (const cast of castsBetween(walk.catalog, type, target, new Set(['Implicit', where] as const)))
    useOwnFunction(walk, cast.function)
}

/** A function that is run by another name: an operator, a cast, a type. */
export function useOwnFunction(walk: Walk, name: string): void {
  if (!walk.facts.functions.has(name)) walk.facts.functions.set(name, { name, listed: false, volatility: 'Unknown' })
}

function resultType(walk: Walk, found: readonly CatalogFunction[], { args, loose }: Call): ValueType {
  const meant = found.filter(
    ({ argTypes }) => loose || args.every(({ type }, index) => mayPass(walk.catalog, type, argTypes[index] ?? 0)),
  )
  const types = meant.map(({ returnType }): ValueType => {
    if (returnType !== typeOids.record && !isPolymorphic(walk.catalog, returnType)) return returnType
    return returnType !== typeOids.record && args.every(({ type }) => isBuiltIn(type)) ? 'BuiltIn' : null
  })
  return commonType(types)
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

/**
 * Operators of pg_catalog are as pure as the functions behind them; others run the function they name, wherever the types
 * of the operands do not rule them out. @param left null: a prefix operator.
 */
export function useOperator(walk: Walk, name: readonly string[], left: Value | null, right: Value): ValueType {
  const own = name.at(-1) ?? ''
  const schema = name.length > 1 ? name.at(-2) : undefined
  const types = [...(left ? [left.type] : []), right.type]
  const builtIn: ValueType = types.every(isBuiltIn) ? (comparing.has(own) ? typeOids.bool : 'BuiltIn') : null
  if (schema === 'pg_catalog') return builtIn
  const schemas = schema === undefined ? pathOf(walk) : [schema]
  const named = (walk.catalog.data.operators.get(own) ?? []).filter((each) => schemas.includes(each.schema))
  if (schema !== undefined && named.length === 0) walk.facts.problem('unknown-object', `OPERATOR(${name.join('.')})`)
  const found = named.filter((each) => {
    if ((each.left === 0) !== (left === null)) return false
    // Two literals are text to operators of the server's own.
    if (schema === undefined && comparing.has(own) && types.every((type) => type === 'Literal')) return false
    return (!left || mayPass(walk.catalog, left.type, each.left)) && mayPass(walk.catalog, right.type, each.right)
  })
  for (const each of found) {
    useOwnFunction(walk, each.function)
    if (left) useConversion(walk, left.type, each.left, 'Implicit')
    useConversion(walk, right.type, each.right, 'Implicit')
  }
  const results = found.map(({ result }) => result)
  return builtIn === null && results.length > 0 ? commonType(results) : found.length === 0 ? builtIn : null
}

const comparing = new Set(['=', '<>', '!=', '<', '>', '<=', '>=', '~~', '!~~', '~~*', '!~~*', '~', '!~', '~*', '!~*'])
