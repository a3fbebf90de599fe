import type { TypeName } from '@pgsql/types'
import type { CatalogType } from './catalog.ts'
import { castsBetween, isBuiltIn } from './coercion.ts'
import { FactsBuilder } from './facts-builder.ts'
import { useOwnFunction } from './functions.ts'
import { names } from './node-access.ts'
import { parseDefinition } from './parse-statements.ts'
import { pathOf } from './relations.ts'
import { constantOf, Scope, type ValueType } from './scope.ts'
import type { Walk } from './walk.ts'

/** A type is named, and values of it are made: what it runs then (a domain's CHECK, an input of its own) is judged. */
export function useType(walk: Walk, name: TypeName): ValueType {
  const type = findType(walk, name)
  if (!type) {
    walk.facts.problem('unknown-object', `type ${names(name.names).join('.')}`)
    return null
  }
  for (const own of codeOf(walk, type)) useOwnFunction(walk, own)
  const isArray = (name.arrayBounds ?? []).length > 0
  if (!isArray) return type.oid
  return walk.catalog.data.types.find(({ element }) => element === type.oid)?.oid ?? null
}

/** `x::type`: what converts, where it is a function of a user. */
export function useCast(walk: Walk, from: ValueType, name: TypeName): ValueType {
  const target = useType(walk, name)
  if (typeof target !== 'number') return target
  const contexts = new Set(['Explicit', 'Assignment', 'Implicit'] as const)
  for (const cast of castsBetween(walk.catalog, from, target, contexts)) useOwnFunction(walk, cast.function)
  return target
}

function findType(walk: Walk, name: TypeName): CatalogType | null {
  const path = names(name.names)
  const own = path.at(-1) ?? ''
  const schemas = path.length > 1 ? [path.at(-2) ?? ''] : pathOf(walk)
  for (const schema of schemas) {
    const found = walk.catalog.type(`${schema}.${own}`)
    if (found) return found
  }
  return null
}

/** Functions off the reviewed list that making a value of the type runs, through all that it is made of. */
export function codeOf(walk: Walk, type: CatalogType): ReadonlySet<string> {
  return walk.catalog.remember(`type ${type.oid}`, () => {
    const found = new Set<string>()
    const seen = new Set<number>()
    const open: (CatalogType | null)[] = [type]
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (!next || seen.has(next.oid) || isBuiltIn(next.oid)) continue
      seen.add(next.oid)
      if (next.ownInput) found.add(`${next.schema}.${next.name}`)
      for (const check of next.checks) for (const each of checkFunctions(walk, next, check)) found.add(each)
      const columns = walk.catalog.relationByOid(next.relation)?.columns ?? []
      const parts = [next.base, next.element, next.subtype, ...columns.map(({ typeOid }) => typeOid)]
      open.push(...parts.map((oid) => walk.catalog.typeByOid(oid)))
    }
    return found
  })
}

/** What a CHECK calls off the list; the domain's own name where the expression cannot be taken apart. */
function checkFunctions(walk: Walk, type: CatalogType, check: string): readonly string[] {
  const facts = new FactsBuilder()
  const scope = new Scope(null)
  const value = { name: 'value', value: constantOf(type.base), source: null }
  scope.enter({ alias: '', qualified: null, relation: null, columns: [value], open: null })
  const node = parseDefinition(`SELECT (${check})`)
  const [target] = node && 'SelectStmt' in node ? (node.SelectStmt.targetList ?? []) : []
  const own = `${type.schema}.${type.name}`
  if (!target || !('ResTarget' in target) || !target.ResTarget.val) return [own]
  walk.detached(facts).expression(target.ResTarget.val, scope, 'Derived')
  const unlisted = [...facts.functions.values()].filter(({ listed }) => !listed)
  return facts.problems.length > 0 ? [own] : unlisted.map(({ name }) => name)
}
