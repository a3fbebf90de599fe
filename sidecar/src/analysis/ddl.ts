import type {
  AlterTableCmd,
  AlterTableStmt,
  AlterTableType,
  Constraint,
  CreateStmt,
  DropStmt,
  Node,
  RangeVar,
  RenameStmt,
} from '@pgsql/types'
import type { CatalogRelation } from './catalog.ts'
import { note, noteAll } from './names.ts'
import { childNodes, names, nodeFields, nodeKind } from './node-access.ts'
import { nodeRoles } from './node-roles.ts'
import { done, type Outcome } from './outcome.ts'
import { targetName } from './query.ts'
import { displayName, qualifiedName, relationEntry, resolveRelation } from './relations.ts'
import { constantOf, Scope, type ScopeColumn } from './scope.ts'
import { useType } from './types.ts'
import type { Walk } from './walk.ts'

/** CREATE TABLE and CREATE VIEW: an effect on the name as it stands, and what the definition computes with. */
export function create(walk: Walk, node: Node): Outcome {
  const { relation, view } = nodeFields(node) as { relation?: RangeVar; view?: RangeVar }
  const name = relation ?? view
  walk.facts.tags.add('Ddl')
  walk.facts.effect('Create', name ? targetName(walk, name) : nodeKind(node))
  noteCode(walk, childNodes(nodeFields(node)), newTable(walk, 'CreateStmt' in node ? node.CreateStmt : {}))
  return done
}

/** The columns a new table will have, for the expressions over them. */
function newTable(walk: Walk, { tableElts = [], inhRelations = [] }: CreateStmt): Scope {
  const scope = new Scope(null)
  const own = tableElts.flatMap((element): readonly ScopeColumn[] => {
    if (!('ColumnDef' in element) || !element.ColumnDef.typeName) return []
    const type = useType(walk.detached(walk.facts), element.ColumnDef.typeName)
    return [{ name: element.ColumnDef.colname ?? '', value: constantOf(type), source: null }]
  })
  scope.enter({ alias: '', qualified: null, relation: null, columns: own, open: null })
  const like = tableElts.flatMap((each) => ('TableLikeClause' in each && each.TableLikeClause.relation ? [each.TableLikeClause.relation] : [])) // prettier-ignore
  for (const name of [...like, ...inhRelations.flatMap((each) => ('RangeVar' in each ? [each.RangeVar] : []))]) {
    const known = resolveRelation(walk, name)
    if (known) scope.enter(relationEntry(walk, known, undefined, false))
    else walk.facts.problem('unknown-object', displayName(name))
  }
  return scope
}

/** Expressions of a definition run sooner or later, and what they show is not masked any more. */
function noteCode(walk: Walk, nodes: readonly Node[], scope: Scope): void {
  for (const node of nodes) {
    const kind = nodeKind(node)
    if ('SelectStmt' in node) noteAll(walk, walk.query(node.SelectStmt, null).columns, 'Derived')
    else if ('Constraint' in node) noteConstraint(walk, node.Constraint, scope)
    else if (kind === 'String' || kind === 'TypeName') continue
    else if (kind !== 'List' && isExpression(kind)) walk.expression(node, scope, 'Derived')
    else noteCode(walk, childNodes(nodeFields(node)), scope)
  }
}

function isExpression(kind: string): boolean {
  return Object.entries(nodeRoles).some(([name, role]) => name === kind && role === 'Expression')
}

/** A foreign key tells which values the other table has; a unique one which there are twice. */
function noteConstraint(walk: Walk, constraint: Constraint, scope: Scope): void {
  const { pktable, pk_attrs: referenced, fk_attrs: referencing, keys } = constraint
  if (pktable) {
    const other = resolveRelation(walk, pktable)
    if (!other) walk.facts.problem('unknown-object', displayName(pktable))
    else noteColumns(walk, other, names(referenced))
  }
  const own = new Set([...names(keys), ...names(referencing)])
  for (const { columns } of scope.entries)
    for (const column of columns) if (own.has(column.name)) note(walk, column, 'Predicate')
  noteCode(walk, childNodes({ ...constraint, pktable: undefined }), scope)
}

function noteColumns(walk: Walk, relation: CatalogRelation, columns: readonly string[]): void {
  const entry = relationEntry(walk, relation, undefined, false)
  for (const column of entry.columns) if (columns.includes(column.name)) note(walk, column, 'Predicate')
}

/** CREATE INDEX, ALTER TABLE, and RENAME of tables, views and columns. */
export function alter(walk: Walk, node: Node): Outcome {
  const { relation: name } = nodeFields(node) as { relation?: RangeVar }
  walk.facts.tags.add('Ddl')
  const relation = name ? resolveRelation(walk, name) : null
  // Indexes are not among the relations known here; their names are judged as they stand.
  walk.facts.effect('Alter', relation ? qualifiedName(relation) : name ? targetName(walk, name) : nodeKind(node))
  if (!relation && !isOfIndex(node)) walk.facts.problem('unknown-object', name ? displayName(name) : nodeKind(node))
  const scope = new Scope(null)
  if (relation) scope.enter(relationEntry(walk, relation, undefined, false))
  if ('AlterTableStmt' in node) alterTable(walk, node.AlterTableStmt, relation, scope)
  else if ('RenameStmt' in node) rename(walk, node.RenameStmt, relation)
  else if ('IndexStmt' in node) {
    if (relation && node.IndexStmt.unique === true)
      noteColumns(walk, relation, childNodes({ of: node.IndexStmt.indexParams }).flatMap((each) => ('IndexElem' in each ? [each.IndexElem.name ?? ''] : []))) // prettier-ignore
    noteCode(walk, childNodes(nodeFields(node)), scope)
  }
  return done
}

function isOfIndex(node: Node): boolean {
  if ('AlterTableStmt' in node) return node.AlterTableStmt.objtype === 'OBJECT_INDEX'
  return 'RenameStmt' in node && node.RenameStmt.renameType === 'OBJECT_INDEX'
}

/** What a column is classified by is its name: it may not lose that. */
function rename(walk: Walk, statement: RenameStmt, relation: CatalogRelation | null): void {
  const { renameType, subname } = statement
  const isColumn = renameType === 'OBJECT_COLUMN' || renameType === 'OBJECT_ATTRIBUTE'
  if (relation && renameType !== 'OBJECT_TABCONSTRAINT')
    loseNames(walk, relation, isColumn ? [subname ?? ''] : relation.columns.map(({ name }) => name))
}

function loseNames(walk: Walk, relation: CatalogRelation, columns: readonly string[]): void {
  for (const { name, value } of relationEntry(walk, relation, undefined, false).columns)
    if (columns.includes(name)) for (const each of value.columns) walk.facts.written.add(each)
}

/** What is not here moves rights, or switches off what others rely on: owners, triggers, rules, row security. */
const allowedChanges: ReadonlySet<AlterTableType> = new Set<AlterTableType>([
  'AT_AddColumn',
  'AT_ColumnDefault',
  'AT_DropNotNull',
  'AT_SetNotNull',
  'AT_SetExpression',
  'AT_DropExpression',
  'AT_SetStatistics',
  'AT_SetStorage',
  'AT_SetCompression',
  'AT_DropColumn',
  'AT_AddConstraint',
  'AT_AlterConstraint',
  'AT_ValidateConstraint',
  'AT_DropConstraint',
  'AT_AddIndexConstraint',
  'AT_AlterColumnType',
  'AT_ClusterOn',
  'AT_DropCluster',
  'AT_SetLogged',
  'AT_SetUnLogged',
  'AT_AddInherit',
  'AT_DropInherit',
  'AT_AttachPartition',
  'AT_DetachPartition',
  'AT_DetachPartitionFinalize',
  'AT_AddIdentity',
  'AT_SetIdentity',
  'AT_DropIdentity',
])
const partings: ReadonlySet<AlterTableType> = new Set<AlterTableType>([
  'AT_DropInherit',
  'AT_DetachPartition',
  'AT_DetachPartitionFinalize',
])

function alterTable(walk: Walk, statement: AlterTableStmt, relation: CatalogRelation | null, scope: Scope): void {
  for (const node of statement.cmds ?? []) {
    const command: AlterTableCmd = 'AlterTableCmd' in node ? node.AlterTableCmd : {}
    const { subtype = 'AT_ReAddIndex' } = command
    const isOption = (subtype === 'AT_SetRelOptions' || subtype === 'AT_ResetRelOptions') && statement.objtype === 'OBJECT_TABLE' // prettier-ignore
    if (!allowedChanges.has(subtype) && !isOption)
      walk.facts.problem('schema-change', `ALTER TABLE ${subtype.slice('AT_'.length)}`)
    if (partings.has(subtype)) part(walk, command, relation)
    // Computed from the row: DROP EXPRESSION leaves the values and forgets what they came from.
    if (subtype === 'AT_DropExpression' && relation) loseNames(walk, relation, [command.name ?? ''])
    noteCode(walk, childNodes({ ...command }), scope)
  }
}

/** A child that leaves its parent leaves the parent's classification behind. */
function part(walk: Walk, { def }: AlterTableCmd, relation: CatalogRelation | null): void {
  const name =
    def && 'RangeVar' in def ? def.RangeVar : def && 'PartitionCmd' in def ? def.PartitionCmd.name : undefined
  const other = name ? resolveRelation(walk, name) : null
  if (name && !other) walk.facts.problem('unknown-object', displayName(name))
  for (const each of [relation, other]) if (each) loseNames(walk, each, each.columns.map((column) => column.name)) // prettier-ignore
}

const droppable = new Set(['OBJECT_TABLE', 'OBJECT_VIEW', 'OBJECT_INDEX', 'OBJECT_MATVIEW'])

export function drop(walk: Walk, node: Node): Outcome {
  const { objects = [], removeType }: DropStmt = 'DropStmt' in node ? node.DropStmt : {}
  walk.facts.tags.add('Ddl')
  for (const object of objects) {
    const path = 'List' in object ? names(object.List.items) : 'String' in object ? [object.String.sval ?? ''] : []
    const [first = '', second] = path.slice(-2)
    const name: RangeVar = second === undefined ? { relname: first } : { schemaname: first, relname: second }
    const known = resolveRelation(walk, name)
    walk.facts.effect('Drop', known ? qualifiedName(known) : targetName(walk, name))
  }
  const kind = removeType ?? 'OBJECT'
  if (!droppable.has(kind)) walk.facts.problem('schema-change', `DROP ${kind.replace('OBJECT_', '')}`)
  return done
}
