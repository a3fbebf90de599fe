import { firstUserOid, type Catalog, type CatalogCast } from './catalog.ts'
import type { ValueType } from './scope.ts'

/** OIDs of pg_type that mean something of their own here. */
export const typeOids = { bool: 16, int8: 20, int4: 23, text: 25, float8: 701, numeric: 1700, record: 2249 } as const

/**
 * Whether the server may pass a value to an argument, as far as the types tell: false only where it cannot (manual,
 * "Type Conversion"). No conversion of one's own (a function, an operator) runs then.
 */
export function mayPass(catalog: Catalog, actual: ValueType, formal: number): boolean {
  if (actual === null || actual === 'Literal' || isPolymorphic(catalog, formal)) return true
  const target = baseOf(catalog, formal)
  if (actual === 'BuiltIn')
    return target < firstUserOid || [...catalog.data.implicitCasts].some((pair) => isFromBuiltIn(pair, target))
  const source = baseOf(catalog, actual)
  if (source === target || catalog.data.implicitCasts.has(`${source} ${target}`)) return true
  const [from, to] = [catalog.typeByOid(source), catalog.typeByOid(target)]
  if (!from || !to) return true
  if (from.element !== 0 && to.element !== 0) return mayPass(catalog, from.element, to.element)
  // A row passes as record, and a record as any row.
  return from.oid === typeOids.record
    ? to.kind === 'Composite'
    : to.oid === typeOids.record && from.kind === 'Composite'
}

function isFromBuiltIn(pair: string, target: number): boolean {
  const [source, to] = pair.split(' ')
  return Number(to) === target && Number(source) < firstUserOid
}

/** Pseudo types take what comes; `record` and `cstring` do not. */
export function isPolymorphic(catalog: Catalog, oid: number): boolean {
  return catalog.typeByOid(oid)?.kind === 'Pseudo' && oid !== typeOids.record
}

/** What a domain is made of, to the end. */
export function baseOf(catalog: Catalog, oid: number): number {
  let current = oid
  for (let depth = 0; depth < 32; depth++) {
    const type = catalog.typeByOid(current)
    if (type?.kind !== 'Domain') break
    current = type.base
  }
  return current
}

/** A type of the server's own, and nothing of a user's in it. */
export function isBuiltIn(type: ValueType): boolean {
  return type === 'BuiltIn' || type === 'Literal' || (type !== null && type < firstUserOid)
}

/** The one type of several values, as CASE, COALESCE and UNION give it. */
export function commonType(types: readonly ValueType[]): ValueType {
  const known = [...new Set(types.filter((type) => type !== 'Literal'))]
  const [first] = known
  if (first === undefined) return types.length === 0 ? null : typeOids.text
  return known.length === 1 ? first : known.every(isBuiltIn) ? 'BuiltIn' : null
}

/**
 * Casts by functions of users that may run when a value becomes of a type; of arrays, those of the elements. A literal
 * is read by the type itself.
 */
export function castsBetween(
  catalog: Catalog,
  actual: ValueType,
  target: number,
  contexts: ReadonlySet<CatalogCast['context']>,
): readonly CatalogCast[] {
  if (actual === 'Literal') return []
  const to = baseOf(catalog, target)
  const element = catalog.typeByOid(to)?.element ?? 0
  const direct = catalog.data.casts.filter(
    (cast) => contexts.has(cast.context) && cast.target === to && mayBe(catalog, actual, cast.source),
  )
  if (element === 0) return direct
  const inner = typeof actual === 'number' ? (catalog.typeByOid(baseOf(catalog, actual))?.element ?? 0) : 0
  const elements = inner === 0 ? (isBuiltIn(actual) ? 'BuiltIn' : null) : inner
  return [...direct, ...castsBetween(catalog, elements, element, contexts)]
}

function mayBe(catalog: Catalog, actual: ValueType, oid: number): boolean {
  if (actual === null) return true
  if (actual === 'BuiltIn') return oid < firstUserOid
  return actual !== 'Literal' && baseOf(catalog, actual) === baseOf(catalog, oid)
}
