import type { CatalogRelation, TriggerEvent } from './catalog.ts'
import { baseRelations, qualifiedName } from './relations.ts'
import type { Walk } from './walk.ts'

/**
 * What else a write sets off: triggers, named in the facts, and foreign keys that change rows of other tables, as effects.
 * Behind a view it is what its tables set off.
 * @returns whether more rows may change than the tag tells.
 */
export function noteWriteEffects(
  walk: Walk,
  relation: CatalogRelation,
  event: TriggerEvent,
  columns: readonly string[] = [],
): boolean {
  const fired = noteTriggers(walk, relation, event, columns)
  if (event === 'Delete') return noteDeleteCascades(walk, relation) || fired
  return (event === 'Update' && noteUpdateCascades(walk, relation, columns)) || fired
}

/** @returns whether there is one. */
export function noteTriggers(
  walk: Walk,
  relation: CatalogRelation,
  event: TriggerEvent,
  columns: readonly string[],
): boolean {
  let found = false
  for (const each of baseRelations(walk, relation)) {
    for (const trigger of each.triggers) {
      const isOf = trigger.columns.length === 0 || columns.length === 0 || trigger.columns.some((one) => columns.includes(one)) // prettier-ignore
      if (!trigger.events.includes(event) || !isOf) continue
      found = true
      walk.facts.trigger({ relation: qualifiedName(each), name: trigger.name, function: trigger.function })
    }
  }
  return found
}

function noteUpdateCascades(walk: Walk, relation: CatalogRelation, columns: readonly string[]): boolean {
  const targets = new Set(baseRelations(walk, relation).map(qualifiedName))
  // A view may call the columns otherwise: then any of them may be a key.
  const isView = relation.definition !== null
  let found = false
  for (const { referenced, referencedColumns, referencing, onUpdate } of walk.catalog.data.foreignKeys) {
    if (!targets.has(referenced) || onUpdate === null) continue
    if (!isView && !referencedColumns.some((column) => columns.includes(column))) continue
    found = true
    walk.facts.effect('Update', referencing, [], 'Filtered')
  }
  return found
}

/** Rows of other tables that go, or change, with these; their number is in no tag. */
function noteDeleteCascades(walk: Walk, first: CatalogRelation): boolean {
  const open = [first]
  const seen = new Set([first.oid])
  let found = false
  for (let relation = open.pop(); relation !== undefined; relation = open.pop()) {
    const targets = new Set(baseRelations(walk, relation).map(qualifiedName))
    for (const { referenced, referencing, onDelete } of walk.catalog.data.foreignKeys) {
      if (!targets.has(referenced) || onDelete === null) continue
      found = true
      walk.facts.effect(onDelete, referencing, [], 'Filtered')
      const other = walk.catalog.relation(referencing)
      if (!other) continue
      noteTriggers(walk, other, onDelete, [])
      if (onDelete === 'Delete' && !seen.has(other.oid)) {
        seen.add(other.oid)
        open.push(other)
      }
    }
  }
  return found
}
