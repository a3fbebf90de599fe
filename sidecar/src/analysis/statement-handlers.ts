import type { CallStmt, CopyStmt, ExplainStmt, FetchStmt, LockStmt, Node, TruncateStmt } from '@pgsql/types'
import type { CatalogRelation } from './catalog.ts'
import { alter, create, drop } from './ddl.ts'
import { callFunction, callOf, useOwnFunction } from './functions.ts'
import { noteAll } from './names.ts'
import { names, nodeKind } from './node-access.ts'
import type { NodesOf } from './node-roles.ts'
import { done, none, type Outcome } from './outcome.ts'
import { targetName } from './query.ts'
import { parameterCode } from './parameter-types.ts'
import { displayName, qualifiedName, relationEntry, resolveRelation } from './relations.ts'
import { constant, Scope } from './scope.ts'
import { set, show, transaction } from './session-statements.ts'
import type { Walk } from './walk.ts'
import { noteTriggers } from './write-effects.ts'
import { walkDelete, walkInsert, walkMerge, walkUpdate, type Written } from './writes.ts'

type StatementName = NodesOf<'Statement'>
type Handler = (walk: Walk, node: Node) => Outcome

/** Walks one statement, whatever its kind. */
export function walkStatement(walk: Walk, node: Node): Outcome {
  const kind = nodeKind(node)
  if (!isStatementName(kind)) return refuse(walk, node)
  return handlers[kind](walk, node)
}

function isStatementName(kind: string): kind is StatementName {
  return Object.hasOwn(handlers, kind)
}

function refuse(walk: Walk, node: Node): Outcome {
  walk.facts.problem('unsupported-statement', nodeKind(node).replace(/Stmt$/, ''))
  return done
}

function refuseWrite(walk: Walk, node: Node): Outcome {
  walk.facts.tags.add('Ddl')
  return refuse(walk, node)
}

function query(walk: Walk, node: Node): Outcome {
  if (!('SelectStmt' in node)) return refuse(walk, node)
  return { action: none, outputs: walk.query(node.SelectStmt, null), measurable: false }
}

function write(walk: Walk, node: Node): Outcome {
  const { outputs, measurable } = walkWrite(walk, node, null)
  return { action: none, outputs, measurable }
}

/** One INSERT, UPDATE, DELETE or MERGE, at top level or in a CTE. */
export function walkWrite(walk: Walk, node: Node, parent: Scope | null): Written {
  if ('InsertStmt' in node) return walkInsert(walk, node.InsertStmt, parent)
  if ('UpdateStmt' in node) return walkUpdate(walk, node.UpdateStmt, parent)
  if ('DeleteStmt' in node) return walkDelete(walk, node.DeleteStmt, parent)
  if ('MergeStmt' in node) return walkMerge(walk, node.MergeStmt, parent)
  refuse(walk, node)
  return { outputs: null, measurable: false }
}

function truncate(walk: Walk, node: Node): Outcome {
  const { relations = [], behavior }: TruncateStmt = 'TruncateStmt' in node ? node.TruncateStmt : {}
  for (const each of relations) {
    if (!('RangeVar' in each)) continue
    const relation = resolveRelation(walk, each.RangeVar)
    if (relation) truncateOne(walk, relation, behavior === 'DROP_CASCADE')
    else walk.facts.problem('unknown-object', displayName(each.RangeVar))
  }
  return done
}

/** With CASCADE every table that refers to it is emptied, too. */
function truncateOne(walk: Walk, relation: CatalogRelation, cascades: boolean): void {
  const open = [qualifiedName(relation)]
  const seen = new Set<string>()
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (seen.has(name)) continue
    seen.add(name)
    walk.facts.effect('Truncate', name)
    const own = walk.catalog.relation(name)
    if (!own) continue
    noteTriggers(walk, own, 'Truncate', [])
    const kin = new Set(walk.catalog.kin(own).map(qualifiedName))
    if (cascades)
      for (const { referenced, referencing } of walk.catalog.data.foreignKeys) if (kin.has(referenced)) open.push(referencing) // prettier-ignore
  }
}

/** What EXECUTE runs is not in the text: inside another statement it would be neither judged nor counted. */
function walkInner(walk: Walk, node: Node): Outcome {
  if ('ExecuteStmt' in node) walk.facts.problem('unsupported-statement', 'EXECUTE inside a statement')
  return walkStatement(walk, node)
}

function createAs(walk: Walk, node: Node): Outcome {
  if (!('CreateTableAsStmt' in node)) return refuse(walk, node)
  const { query: source, into } = node.CreateTableAsStmt
  walk.facts.tags.add('Ddl')
  if (into?.rel) walk.facts.effect('Create', targetName(walk, into.rel))
  // Rows land where no mask reaches them.
  if (source) noteAll(walk, walkInner(walk, source).outputs?.columns ?? [], 'Derived')
  return done
}

function copy(walk: Walk, node: Node): Outcome {
  const statement: CopyStmt = 'CopyStmt' in node ? node.CopyStmt : {}
  walk.facts.tags.add('Copy')
  if (statement.is_program === true || statement.filename !== undefined)
    walk.facts.problem('unsupported-statement', statement.is_program === true ? 'COPY PROGRAM' : 'COPY file')
  if (statement.query) {
    const inner = walkStatement(walk, statement.query)
    noteAll(walk, inner.outputs?.columns ?? [], 'Derived')
    for (const { operation, relation, columns } of walk.facts.effects())
      if (operation === 'Select') walk.facts.effect('CopyOut', relation, columns, 'Filtered')
    return done
  }
  const relation = statement.relation ? resolveRelation(walk, statement.relation) : null
  if (!relation) {
    walk.facts.problem('unknown-object', statement.relation ? displayName(statement.relation) : 'COPY')
    return done
  }
  const name = qualifiedName(relation)
  const entry = relationEntry(walk, relation, undefined, statement.is_from !== true)
  const named = statement.attlist ? names(statement.attlist) : entry.columns.map((column) => column.name)
  const columns = entry.columns.filter((column) => named.includes(column.name))
  if (columns.length !== named.length) walk.facts.problem('unknown-object', `column of ${name}`)
  const scope = new Scope(null)
  scope.enter(entry)
  if (statement.whereClause) walk.expression(statement.whereClause, scope, 'Predicate')
  if (statement.is_from === true) {
    walk.facts.effect('CopyIn', name, named, 'Filtered')
    for (const column of columns) for (const each of column.value.columns) walk.facts.written.add(each)
    return { action: none, outputs: null, measurable: !noteTriggers(walk, relation, 'Insert', []) }
  }
  walk.facts.effect('CopyOut', name, named, 'Filtered')
  noteAll(walk, columns, 'Derived')
  walk.facts.effect('Select', name, named, 'Filtered')
  return done
}

/** Any ANALYZE option makes it run: of several the last one counts, so none is trusted to switch it off. */
function explain(walk: Walk, node: Node): Outcome {
  const { query: inner, options = [] }: ExplainStmt = 'ExplainStmt' in node ? node.ExplainStmt : {}
  const analyzes = options.some((option) => 'DefElem' in option && option.DefElem.defname === 'analyze')
  walk.facts.tags.add(analyzes ? 'ExplainAnalyze' : 'Explain')
  if (inner) walkInner(walk, inner)
  // Estimates come from values, and planning evaluates what is constant.
  for (const column of walk.facts.read) walk.facts.derived.add(column)
  return {
    action: none,
    outputs: { columns: [{ name: 'QUERY PLAN', value: constant, source: null }], complete: true },
    measurable: false,
  }
}

function lock(walk: Walk, node: Node): Outcome {
  const { relations = [], mode = 8 }: LockStmt = 'LockStmt' in node ? node.LockStmt : {}
  const accessShare = 1
  walk.facts.tags.add('Locking')
  for (const each of relations) {
    if (!('RangeVar' in each)) continue
    const relation = resolveRelation(walk, each.RangeVar)
    if (!relation) walk.facts.problem('unknown-object', displayName(each.RangeVar))
    else walk.facts.effect('Lock', qualifiedName(relation))
  }
  if (mode === accessShare) walk.facts.tags.add('AccessShare')
  return done
}

function call(walk: Walk, node: Node): Outcome {
  const { funccall }: CallStmt = 'CallStmt' in node ? node.CallStmt : {}
  if (!funccall) return refuse(walk, node)
  const values = (funccall.args ?? []).map((arg) => walk.expression(arg, new Scope(null), 'Derived'))
  callFunction(walk, callOf(funccall, values))
  for (const { name } of walk.facts.functions.values()) walk.facts.effect('Call', name)
  return done
}

function discard(_walk: Walk, node: Node): Outcome {
  const target = 'DiscardStmt' in node ? node.DiscardStmt.target : undefined
  const what =
    target === 'DISCARD_PLANS'
      ? 'Plans'
      : target === 'DISCARD_SEQUENCES'
        ? 'Sequences'
        : target === 'DISCARD_TEMP'
          ? 'Temp'
          : 'All'
  return { action: { kind: 'Discard', what }, outputs: null, measurable: false }
}

function prepare(walk: Walk, node: Node): Outcome {
  if (!('PrepareStmt' in node) || !node.PrepareStmt.query) return refuse(walk, node)
  for (const argument of node.PrepareStmt.argtypes ?? []) {
    const { type } = walk.expression(argument, new Scope(null), 'Derived')
    if (typeof type === 'number') for (const name of parameterCode(walk, type)) useOwnFunction(walk, name)
  }
  return {
    ...walkStatement(walk, node.PrepareStmt.query),
    action: { kind: 'Prepare', name: node.PrepareStmt.name ?? '' },
  }
}

function execute(walk: Walk, node: Node): Outcome {
  if (!('ExecuteStmt' in node)) return refuse(walk, node)
  for (const param of node.ExecuteStmt.params ?? []) walk.expression(param, new Scope(null), 'Derived')
  return { action: { kind: 'Execute', name: node.ExecuteStmt.name ?? '' }, outputs: null, measurable: false }
}

function deallocate(_walk: Walk, node: Node): Outcome {
  const statement = 'DeallocateStmt' in node ? node.DeallocateStmt : {}
  return { action: { kind: 'Deallocate', name: statement.name ?? null }, outputs: null, measurable: false }
}

const cursorOptionHold = 0x20

function declareCursor(walk: Walk, node: Node): Outcome {
  if (!('DeclareCursorStmt' in node) || !node.DeclareCursorStmt.query) return refuse(walk, node)
  const { portalname = '', options = 0, query: source } = node.DeclareCursorStmt
  const hold = (options & cursorOptionHold) !== 0
  return { ...walkStatement(walk, source), action: { kind: 'DeclareCursor', name: portalname, hold } }
}

function fetch(_walk: Walk, node: Node): Outcome {
  const { portalname = '' }: FetchStmt = 'FetchStmt' in node ? node.FetchStmt : {}
  return { action: { kind: 'FetchCursor', name: portalname }, outputs: null, measurable: false }
}

function closeCursor(_walk: Walk, node: Node): Outcome {
  const statement = 'ClosePortalStmt' in node ? node.ClosePortalStmt : {}
  return { action: { kind: 'CloseCursor', name: statement.portalname ?? null }, outputs: null, measurable: false }
}

/** Deferring is a client's own business: the constraints hold at commit all the same. */
function constraints(): Outcome {
  return done
}

const handlers: Record<StatementName, Handler> = {
  SelectStmt: query,
  InsertStmt: write,
  UpdateStmt: write,
  DeleteStmt: write,
  MergeStmt: write,
  TruncateStmt: truncate,
  CopyStmt: copy,
  LockStmt: lock,
  CallStmt: call,
  ExplainStmt: explain,
  TransactionStmt: transaction,
  VariableSetStmt: set,
  VariableShowStmt: show,
  DiscardStmt: discard,
  PrepareStmt: prepare,
  ExecuteStmt: execute,
  DeallocateStmt: deallocate,
  DeclareCursorStmt: declareCursor,
  FetchStmt: fetch,
  ClosePortalStmt: closeCursor,
  ConstraintsSetStmt: constraints,
  CreateStmt: create,
  CreateTableAsStmt: createAs,
  ViewStmt: create,
  IndexStmt: alter,
  AlterTableStmt: alter,
  RenameStmt: alter,
  DropStmt: drop,
  // What plants code, moves rights, reaches out of the database or acts on the server: never.
  DoStmt: refuse,
  NotifyStmt: refuse,
  ListenStmt: refuse,
  UnlistenStmt: refuse,
  LoadStmt: refuse,
  VacuumStmt: refuse,
  ClusterStmt: refuse,
  ReindexStmt: refuse,
  CheckPointStmt: refuse,
  RefreshMatViewStmt: refuseWrite,
  CommentStmt: refuseWrite,
  SecLabelStmt: refuseWrite,
  CreateSchemaStmt: refuseWrite,
  ReplicaIdentityStmt: refuseWrite,
  AlterCollationStmt: refuseWrite,
  AlterDomainStmt: refuseWrite,
  GrantStmt: refuseWrite,
  GrantRoleStmt: refuseWrite,
  AlterDefaultPrivilegesStmt: refuseWrite,
  CreateTableSpaceStmt: refuseWrite,
  DropTableSpaceStmt: refuseWrite,
  AlterTableSpaceOptionsStmt: refuseWrite,
  AlterTableMoveAllStmt: refuseWrite,
  CreateExtensionStmt: refuseWrite,
  AlterExtensionStmt: refuseWrite,
  AlterExtensionContentsStmt: refuseWrite,
  CreateFdwStmt: refuseWrite,
  AlterFdwStmt: refuseWrite,
  CreateForeignServerStmt: refuseWrite,
  AlterForeignServerStmt: refuseWrite,
  CreateForeignTableStmt: refuseWrite,
  CreateUserMappingStmt: refuseWrite,
  AlterUserMappingStmt: refuseWrite,
  DropUserMappingStmt: refuseWrite,
  ImportForeignSchemaStmt: refuseWrite,
  CreatePolicyStmt: refuseWrite,
  AlterPolicyStmt: refuseWrite,
  CreateAmStmt: refuseWrite,
  CreateTrigStmt: refuseWrite,
  CreateEventTrigStmt: refuseWrite,
  AlterEventTrigStmt: refuseWrite,
  CreatePLangStmt: refuseWrite,
  CreateRoleStmt: refuseWrite,
  AlterRoleStmt: refuseWrite,
  AlterRoleSetStmt: refuseWrite,
  DropRoleStmt: refuseWrite,
  CreateSeqStmt: refuseWrite,
  AlterSeqStmt: refuseWrite,
  DefineStmt: refuseWrite,
  CreateDomainStmt: refuseWrite,
  CreateOpClassStmt: refuseWrite,
  CreateOpFamilyStmt: refuseWrite,
  AlterOpFamilyStmt: refuseWrite,
  CreateStatsStmt: refuseWrite,
  AlterStatsStmt: refuseWrite,
  CreateFunctionStmt: refuseWrite,
  AlterFunctionStmt: refuseWrite,
  AlterObjectDependsStmt: refuseWrite,
  AlterObjectSchemaStmt: refuseWrite,
  AlterOwnerStmt: refuseWrite,
  AlterOperatorStmt: refuseWrite,
  AlterTypeStmt: refuseWrite,
  RuleStmt: refuseWrite,
  CompositeTypeStmt: refuseWrite,
  CreateEnumStmt: refuseWrite,
  CreateRangeStmt: refuseWrite,
  AlterEnumStmt: refuseWrite,
  CreatedbStmt: refuseWrite,
  AlterDatabaseStmt: refuseWrite,
  AlterDatabaseRefreshCollStmt: refuseWrite,
  AlterDatabaseSetStmt: refuseWrite,
  DropdbStmt: refuseWrite,
  AlterSystemStmt: refuseWrite,
  CreateConversionStmt: refuseWrite,
  CreateCastStmt: refuseWrite,
  CreateTransformStmt: refuseWrite,
  DropOwnedStmt: refuseWrite,
  ReassignOwnedStmt: refuseWrite,
  AlterTSDictionaryStmt: refuseWrite,
  AlterTSConfigurationStmt: refuseWrite,
  CreatePublicationStmt: refuseWrite,
  AlterPublicationStmt: refuseWrite,
  CreateSubscriptionStmt: refuseWrite,
  AlterSubscriptionStmt: refuseWrite,
  DropSubscriptionStmt: refuseWrite,
}
