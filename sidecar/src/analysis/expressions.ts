import type { A_Const, A_Expr, A_Indirection, CaseExpr, FuncCall, Node, SubLink, TypeCast } from '@pgsql/types'
import { commonType, isBuiltIn, typeOids } from './coercion.ts'
import { callFunction, callOf, mayCall, useOperator } from './functions.ts'
import { findEntry, note, noteAll, noteRow, walkColumn, within } from './names.ts'
import { childNodes, names, nodeFields, nodeKind } from './node-access.ts'
import type { NodesOf } from './node-roles.ts'
import { wholeRow } from './relations.ts'
import { constantOf, derivedFrom, type Scope, type ScopeEntry, type Value, type ValueType } from './scope.ts'
import { useCast, useType } from './types.ts'
import type { Use, Walk } from './walk.ts'

type Handler = (walk: Walk, node: Node, scope: Scope, use: Use) => Value

/** Walks an expression: what it reads, what it calls, and what its value is made of. Unknown nodes are problems. */
export function walkExpression(walk: Walk, node: Node, scope: Scope, use: Use): Value {
  if ('SelectStmt' in node) return noteAll(walk, walk.query(node.SelectStmt, scope).columns, within(use))
  const kind = nodeKind(node)
  if (isExpression(kind)) return handlers[kind](walk, node, scope, use)
  walk.facts.problem('unsupported-statement', kind)
  return constantOf(null)
}

function isExpression(kind: string): kind is NodesOf<'Expression'> {
  return Object.hasOwn(handlers, kind)
}

/** A node whose value is made of the values below it and that does nothing else. */
function made(type: (values: readonly Value[]) => ValueType): Handler {
  return (walk, node, scope, use) => {
    const values = childNodes(nodeFields(node)).map((child) => walk.expression(child, scope, within(use)))
    return derivedFrom(values, type(values))
  }
}

const ofAny = made(() => null)
const ofBuiltIn = made(() => 'BuiltIn')
const ofBoolean = made(() => typeOids.bool)
const ofCommon = made((values) => commonType(values.map(({ type }) => type)))

/** Many rows become one value. */
const packed: Handler = (walk, node, scope, use) => {
  walk.facts.packsRows = true
  return ofBuiltIn(walk, node, scope, use)
}

/** Names, keywords and numbers that are no values by themselves. */
const nothing: Handler = () => constantOf(null)

function constantNode(_walk: Walk, node: Node): Value {
  return constantOf('A_Const' in node ? constantType(node.A_Const) : 'BuiltIn')
}

function constantType(constant: A_Const): ValueType {
  if ('sval' in constant || constant.isnull === true) return 'Literal'
  if ('ival' in constant) return typeOids.int4
  return 'boolval' in constant ? typeOids.bool : 'BuiltIn'
}

/** The type of a parameter that the client does not declare is asked for by its place, as a literal's is. */
const parameter: Handler = () => constantOf('Literal')

function operator(walk: Walk, node: Node, scope: Scope, use: Use): Value {
  const expression: A_Expr = 'A_Expr' in node ? node.A_Expr : {}
  const walked = (side: Node | undefined): readonly Value[] =>
    side === undefined ? [] : itemsOf(side).map((item) => walk.expression(item, scope, within(use)))
  const left = walked(expression.lexpr)
  const right = walked(expression.rexpr)
  const types = operatorsOf(expression).flatMap((name) =>
    right.map((value) => {
      const operand = { ...value, type: comparedType(walk, expression, value.type) }
      return useOperator(walk, name, expression.lexpr ? derivedFrom(left, typeOf(left)) : null, operand)
    }),
  )
  return derivedFrom(
    [...left, ...right],
    expression.kind === 'AEXPR_OP' ? commonType(types) : resultOf(expression, left),
  )
}

/** `x = ANY (array)` compares with the elements. */
function comparedType(walk: Walk, { kind }: A_Expr, type: ValueType): ValueType {
  if (kind !== 'AEXPR_OP_ANY' && kind !== 'AEXPR_OP_ALL') return type
  return typeof type === 'number' ? (walk.catalog.typeByOid(type)?.element ?? 0) || null : type
}

function typeOf(values: readonly Value[]): ValueType {
  return values.length === 1 ? (values[0]?.type ?? null) : null
}

function resultOf({ kind }: A_Expr, left: readonly Value[]): ValueType {
  return kind === 'AEXPR_NULLIF' ? typeOf(left) : typeOids.bool
}

/** `x IN (1, 2)` and `x BETWEEN 1 AND 2` compare with each. */
function itemsOf(node: Node): readonly Node[] {
  return 'List' in node ? (node.List.items ?? []) : [node]
}

/** Operators by the names they run under. */
function operatorsOf({ kind, name }: A_Expr): readonly (readonly string[])[] {
  if (kind === 'AEXPR_BETWEEN' || kind === 'AEXPR_BETWEEN_SYM') return [['>='], ['<=']]
  if (kind === 'AEXPR_NOT_BETWEEN' || kind === 'AEXPR_NOT_BETWEEN_SYM') return [['<'], ['>']]
  return [names(name)]
}

function walkCase(walk: Walk, node: Node, scope: Scope, use: Use): Value {
  const { arg, args = [], defresult }: CaseExpr = 'CaseExpr' in node ? node.CaseExpr : {}
  const inner = within(use)
  const tested = arg ? walk.expression(arg, scope, inner) : null
  const whens = args.flatMap((each) => ('CaseWhen' in each ? [each.CaseWhen] : []))
  const tests = whens.flatMap(({ expr }) => (expr ? [walk.expression(expr, scope, inner)] : []))
  if (tested) for (const test of tests) useOperator(walk, ['='], tested, test)
  const results = [...whens.map(({ result }) => result), defresult].flatMap((each) =>
    each ? [walk.expression(each, scope, inner)] : [],
  )
  const type = commonType(results.map((value) => value.type))
  return derivedFrom([...(tested ? [tested] : []), ...tests, ...results], type)
}

function walkCast(walk: Walk, node: Node, scope: Scope, use: Use): Value {
  const cast: TypeCast = 'TypeCast' in node ? node.TypeCast : {}
  const value = cast.arg ? walk.expression(cast.arg, scope, within(use)) : constantOf(null)
  return derivedFrom([value], cast.typeName ? useCast(walk, value.type, cast.typeName) : null)
}

function walkType(walk: Walk, node: Node): Value {
  return constantOf('TypeName' in node ? useType(walk, node.TypeName) : null)
}

function walkSubLink(walk: Walk, node: Node, scope: Scope, use: Use): Value {
  const link: SubLink = 'SubLink' in node ? node.SubLink : {}
  const inner = within(use)
  const tested = link.testexpr ? walk.expression(link.testexpr, scope, inner) : null
  if (!link.subselect || !('SelectStmt' in link.subselect)) {
    walk.facts.problem('unsupported-statement', 'SubLink')
    return constantOf(null)
  }
  const { columns } = walk.query(link.subselect.SelectStmt, scope)
  const isMany = link.subLinkType === 'ANY_SUBLINK' || link.subLinkType === 'ALL_SUBLINK'
  if (tested && isMany)
    for (const { value } of columns)
      useOperator(walk, link.operName ? names(link.operName) : ['='], { ...tested, type: columns.length > 1 ? null : tested.type }, value) // prettier-ignore
  if (link.subLinkType === 'EXISTS_SUBLINK') return derivedFrom(tested ? [tested] : [], typeOids.bool)
  if (link.subLinkType === 'ARRAY_SUBLINK') walk.facts.packsRows = true
  const type = isMany ? typeOids.bool : subqueryType(link, columns[0]?.value.type ?? null)
  return derivedFrom([...(tested ? [tested] : []), noteAll(walk, columns, inner)], type)
}

function subqueryType({ subLinkType }: SubLink, column: ValueType): ValueType {
  if (subLinkType === 'EXPR_SUBLINK') return column
  return subLinkType === 'ARRAY_SUBLINK' && isBuiltIn(column) ? 'BuiltIn' : null
}

function walkFunction(walk: Walk, node: Node, scope: Scope, use: Use): Value {
  const call: FuncCall = 'FuncCall' in node ? node.FuncCall : {}
  const inner = within(use)
  const field = functionalNotation(walk, call, scope, inner)
  if (field) return field
  const values = (call.args ?? []).map((arg) => walk.expression(arg, scope, inner))
  const { type } = callFunction(walk, callOf(call, values))
  const rest = [...(call.agg_order ?? []), ...(call.agg_filter ? [call.agg_filter] : [])]
  values.push(...rest.map((each) => walk.expression(each, scope, inner)))
  if (call.over) values.push(...childNodes({ ...call.over }).map((each) => walk.expression(each, scope, 'Predicate')))
  return derivedFrom(values, type)
}

/** `email(c)` is `c.email` where no function takes the row (manual, 4.2.6 and 36.4.3); where one may, it is both. */
function functionalNotation(walk: Walk, call: FuncCall, scope: Scope, use: Use): Value | null {
  const [name, ...more] = names(call.funcname)
  const [arg, ...others] = call.args ?? []
  if (name === undefined || more.length > 0 || !arg || others.length > 0) return null
  const entry = rowOf(arg, scope)
  const column = entry?.columns.find((each) => each.name === name)
  if (!entry || !column) return null
  const value = note(walk, column, use)
  return mayCall(walk, name, wholeRow(entry)) ? derivedFrom([value, noteRow(walk, entry, use)]) : derivedFrom([value])
}

/** The row that a name alone means, where no column has it. */
function rowOf(node: Node, scope: Scope): ScopeEntry | null {
  const [alias, ...more] = 'ColumnRef' in node ? names(node.ColumnRef.fields) : []
  if (alias === undefined || more.length > 0) return null
  for (let level: Scope | null = scope; level; level = level.parent)
    if (level.merged.has(alias) || level.columns(alias).length > 0) return null
  return findEntry(scope, alias)
}

/** `(c).email`, `(f(x)).field`, `a[1]`; what is no column may be a function of what stands before. */
function walkIndirection(walk: Walk, node: Node, scope: Scope, use: Use): Value {
  const { arg, indirection: path = [] }: A_Indirection = 'A_Indirection' in node ? node.A_Indirection : {}
  const inner = within(use)
  const [first] = path
  const entry = arg ? rowOf(arg, scope) : null
  const column = first && 'String' in first ? entry?.columns.find((each) => each.name === first.String.sval) : undefined
  if (column && path.length === 1) return note(walk, column, use)
  if (column) return indirect(walk, note(walk, column, inner), path.slice(1), scope, inner)
  return indirect(walk, arg ? walk.expression(arg, scope, inner) : constantOf(null), path, scope, inner)
}

function indirect(walk: Walk, start: Value, path: readonly Node[], scope: Scope, use: Use): Value {
  let value = start
  for (const step of path) {
    // An element of what is built in is built in, too.
    if ('A_Indices' in step)
      value = derivedFrom([value, walk.expression(step, scope, use)], isBuiltIn(value.type) ? 'BuiltIn' : null)
    else if ('String' in step) {
      mayCall(walk, step.String.sval ?? '', value)
      value = derivedFrom([value])
    }
  }
  return derivedFrom([value], value.type)
}

function walkSort(walk: Walk, node: Node, scope: Scope, use: Use): Value {
  if (!('SortBy' in node) || !node.SortBy.node) return constantOf(null)
  const value = walk.expression(node.SortBy.node, scope, within(use))
  if (node.SortBy.useOp) useOperator(walk, names(node.SortBy.useOp), value, value)
  return value
}

const handlers: Record<NodesOf<'Expression'>, Handler> = {
  ColumnRef: (walk, node, scope, use) =>
    'ColumnRef' in node ? walkColumn(walk, node.ColumnRef, scope, use) : constantOf(null),
  FuncCall: walkFunction,
  SubLink: walkSubLink,
  TypeCast: walkCast,
  TypeName: walkType,
  A_Indirection: walkIndirection,
  A_Expr: operator,
  CaseExpr: walkCase,
  SortBy: walkSort,
  A_Const: constantNode,
  ParamRef: parameter,
  String: nothing,
  Integer: nothing,
  Float: nothing,
  Boolean: nothing,
  BitString: nothing,
  SetToDefault: nothing,
  CurrentOfExpr: nothing,
  MergeSupportFunc: () => constantOf(typeOids.text),
  JsonFormat: nothing,
  JsonReturning: nothing,
  BoolExpr: ofBoolean,
  NullTest: ofBoolean,
  BooleanTest: ofBoolean,
  JsonIsPredicate: ofBoolean,
  CoalesceExpr: ofCommon,
  MinMaxExpr: ofCommon,
  CaseWhen: ofAny,
  A_ArrayExpr: made((values) => (values.length > 0 && values.every(({ type }) => isBuiltIn(type)) ? 'BuiltIn' : null)),
  RowExpr: ofAny,
  CollateClause: ofCommon,
  SQLValueFunction: ofBuiltIn,
  XmlExpr: ofBuiltIn,
  XmlSerialize: ofAny,
  GroupingFunc: ofBuiltIn,
  GroupingSet: ofAny,
  NamedArgExpr: ofCommon,
  MultiAssignRef: ofAny,
  List: ofAny,
  ResTarget: ofCommon,
  WindowDef: ofAny,
  A_Indices: ofAny,
  JsonOutput: ofAny,
  JsonValueExpr: ofAny,
  JsonKeyValue: ofAny,
  JsonArgument: ofAny,
  JsonBehavior: ofAny,
  JsonTablePathSpec: ofAny,
  JsonAggConstructor: ofAny,
  JsonFuncExpr: ofAny,
  JsonParseExpr: ofAny,
  JsonScalarExpr: ofAny,
  JsonSerializeExpr: ofAny,
  JsonTableColumn: ofAny,
  JsonObjectConstructor: ofAny,
  JsonArrayConstructor: ofAny,
  JsonArrayQueryConstructor: packed,
  JsonObjectAgg: packed,
  JsonArrayAgg: packed,
}
