import type { Node } from '@pgsql/types'

type KeysOf<T> = T extends unknown ? keyof T : never
export type NodeName = KeysOf<Node>

/**
 * - `Statement`: whole statements (statement-handlers.ts).
 * - `Expression`: has a value, or stands where one may (expressions.ts).
 * - `From`: an item of FROM (from.ts).
 * - `Part`: belongs to one of these, whose handler alone reads it.
 * - `Internal`: never in a raw parse tree: made by the server's own analysis, by other tools, or by bodies of functions.
 */
export type NodeRole = 'Statement' | 'Expression' | 'From' | 'Part' | 'Internal'

/**
 * What each node of the grammar is. A node that a new grammar brings breaks the build here until it has a role, and then
 * where that role's handlers stand until it has one.
 */
// prettier-ignore
export const nodeRoles = {
  AlterCollationStmt: 'Statement', AlterDatabaseRefreshCollStmt: 'Statement', AlterDatabaseSetStmt: 'Statement',
  AlterDatabaseStmt: 'Statement', AlterDefaultPrivilegesStmt: 'Statement', AlterDomainStmt: 'Statement',
  AlterEnumStmt: 'Statement', AlterEventTrigStmt: 'Statement', AlterExtensionContentsStmt: 'Statement',
  AlterExtensionStmt: 'Statement', AlterFdwStmt: 'Statement', AlterForeignServerStmt: 'Statement',
  AlterFunctionStmt: 'Statement', AlterObjectDependsStmt: 'Statement', AlterObjectSchemaStmt: 'Statement',
  AlterOpFamilyStmt: 'Statement', AlterOperatorStmt: 'Statement', AlterOwnerStmt: 'Statement',
  AlterPolicyStmt: 'Statement', AlterPublicationStmt: 'Statement', AlterRoleSetStmt: 'Statement',
  AlterRoleStmt: 'Statement', AlterSeqStmt: 'Statement', AlterStatsStmt: 'Statement',
  AlterSubscriptionStmt: 'Statement', AlterSystemStmt: 'Statement', AlterTSConfigurationStmt: 'Statement',
  AlterTSDictionaryStmt: 'Statement', AlterTableMoveAllStmt: 'Statement', AlterTableSpaceOptionsStmt: 'Statement',
  AlterTableStmt: 'Statement', AlterTypeStmt: 'Statement', AlterUserMappingStmt: 'Statement', CallStmt: 'Statement',
  CheckPointStmt: 'Statement', ClosePortalStmt: 'Statement', ClusterStmt: 'Statement', CommentStmt: 'Statement',
  CompositeTypeStmt: 'Statement', ConstraintsSetStmt: 'Statement', CopyStmt: 'Statement', CreateAmStmt: 'Statement',
  CreateCastStmt: 'Statement', CreateConversionStmt: 'Statement', CreateDomainStmt: 'Statement',
  CreateEnumStmt: 'Statement', CreateEventTrigStmt: 'Statement', CreateExtensionStmt: 'Statement',
  CreateFdwStmt: 'Statement', CreateForeignServerStmt: 'Statement', CreateForeignTableStmt: 'Statement',
  CreateFunctionStmt: 'Statement', CreateOpClassStmt: 'Statement', CreateOpFamilyStmt: 'Statement',
  CreatePLangStmt: 'Statement', CreatePolicyStmt: 'Statement', CreatePublicationStmt: 'Statement',
  CreateRangeStmt: 'Statement', CreateRoleStmt: 'Statement', CreateSchemaStmt: 'Statement', CreateSeqStmt: 'Statement',
  CreateStatsStmt: 'Statement', CreateStmt: 'Statement', CreateSubscriptionStmt: 'Statement',
  CreateTableAsStmt: 'Statement', CreateTableSpaceStmt: 'Statement', CreateTransformStmt: 'Statement',
  CreateTrigStmt: 'Statement', CreateUserMappingStmt: 'Statement', CreatedbStmt: 'Statement',
  DeallocateStmt: 'Statement', DeclareCursorStmt: 'Statement', DefineStmt: 'Statement', DeleteStmt: 'Statement',
  DiscardStmt: 'Statement', DoStmt: 'Statement', DropOwnedStmt: 'Statement', DropRoleStmt: 'Statement',
  DropStmt: 'Statement', DropSubscriptionStmt: 'Statement', DropTableSpaceStmt: 'Statement',
  DropUserMappingStmt: 'Statement', DropdbStmt: 'Statement', ExecuteStmt: 'Statement', ExplainStmt: 'Statement',
  FetchStmt: 'Statement', GrantRoleStmt: 'Statement', GrantStmt: 'Statement', ImportForeignSchemaStmt: 'Statement',
  IndexStmt: 'Statement', InsertStmt: 'Statement', ListenStmt: 'Statement', LoadStmt: 'Statement',
  LockStmt: 'Statement', MergeStmt: 'Statement', NotifyStmt: 'Statement', PrepareStmt: 'Statement',
  ReassignOwnedStmt: 'Statement', RefreshMatViewStmt: 'Statement', ReindexStmt: 'Statement', RenameStmt: 'Statement',
  ReplicaIdentityStmt: 'Statement', RuleStmt: 'Statement', SecLabelStmt: 'Statement', SelectStmt: 'Statement',
  TransactionStmt: 'Statement', TruncateStmt: 'Statement', UnlistenStmt: 'Statement', UpdateStmt: 'Statement',
  VacuumStmt: 'Statement', VariableSetStmt: 'Statement', VariableShowStmt: 'Statement', ViewStmt: 'Statement',

  A_ArrayExpr: 'Expression', A_Const: 'Expression', A_Expr: 'Expression', A_Indices: 'Expression',
  A_Indirection: 'Expression', BitString: 'Expression', BoolExpr: 'Expression', Boolean: 'Expression',
  BooleanTest: 'Expression', CaseExpr: 'Expression', CaseWhen: 'Expression', CoalesceExpr: 'Expression',
  CollateClause: 'Expression', ColumnRef: 'Expression', CurrentOfExpr: 'Expression', Float: 'Expression',
  FuncCall: 'Expression', GroupingFunc: 'Expression', GroupingSet: 'Expression', Integer: 'Expression',
  JsonAggConstructor: 'Expression', JsonArgument: 'Expression', JsonArrayAgg: 'Expression',
  JsonArrayConstructor: 'Expression', JsonArrayQueryConstructor: 'Expression', JsonBehavior: 'Expression',
  JsonFormat: 'Expression', JsonFuncExpr: 'Expression', JsonIsPredicate: 'Expression', JsonKeyValue: 'Expression',
  JsonObjectAgg: 'Expression', JsonObjectConstructor: 'Expression', JsonOutput: 'Expression',
  JsonParseExpr: 'Expression', JsonReturning: 'Expression', JsonScalarExpr: 'Expression',
  JsonSerializeExpr: 'Expression', JsonTableColumn: 'Expression', JsonTablePathSpec: 'Expression',
  JsonValueExpr: 'Expression', List: 'Expression', MergeSupportFunc: 'Expression', MinMaxExpr: 'Expression',
  MultiAssignRef: 'Expression', NamedArgExpr: 'Expression', NullTest: 'Expression', ParamRef: 'Expression',
  ResTarget: 'Expression', RowExpr: 'Expression', SQLValueFunction: 'Expression', SetToDefault: 'Expression',
  SortBy: 'Expression', String: 'Expression', SubLink: 'Expression', TypeCast: 'Expression', TypeName: 'Expression',
  WindowDef: 'Expression', XmlExpr: 'Expression', XmlSerialize: 'Expression',

  JoinExpr: 'From', JsonTable: 'From', RangeFunction: 'From', RangeSubselect: 'From', RangeTableFunc: 'From',
  RangeTableSample: 'From', RangeVar: 'From',

  ATAlterConstraint: 'Part', A_Star: 'Part', AccessPriv: 'Part', Alias: 'Part', AlterTableCmd: 'Part',
  CTECycleClause: 'Part', CTESearchClause: 'Part', ColumnDef: 'Part', CommonTableExpr: 'Part', Constraint: 'Part',
  CreateOpClassItem: 'Part', DefElem: 'Part', FunctionParameter: 'Part', IndexElem: 'Part', InferClause: 'Part',
  IntoClause: 'Part', LockingClause: 'Part', MergeWhenClause: 'Part', ObjectWithArgs: 'Part', OnConflictClause: 'Part',
  PartitionBoundSpec: 'Part', PartitionCmd: 'Part', PartitionElem: 'Part', PartitionRangeDatum: 'Part',
  PartitionSpec: 'Part', PublicationObjSpec: 'Part', PublicationTable: 'Part', RangeTableFuncCol: 'Part',
  ReturningClause: 'Part', ReturningOption: 'Part', RoleSpec: 'Part', StatsElem: 'Part', TableLikeClause: 'Part',
  TriggerTransition: 'Part', VacuumRelation: 'Part', WithClause: 'Part',

  Aggref: 'Internal', AlternativeSubPlan: 'Internal', ArrayCoerceExpr: 'Internal', ArrayExpr: 'Internal',
  CallContext: 'Internal', CaseTestExpr: 'Internal', CoerceToDomain: 'Internal', CoerceToDomainValue: 'Internal',
  CoerceViaIO: 'Internal', CollateExpr: 'Internal', ConvertRowtypeExpr: 'Internal', DistinctExpr: 'Internal',
  FieldSelect: 'Internal', FieldStore: 'Internal', FilterColumn: 'Internal', FromExpr: 'Internal', FuncExpr: 'Internal',
  Function: 'Internal', InferenceElem: 'Internal', InlineCodeBlock: 'Internal', IntList: 'Internal',
  JsonConstructorExpr: 'Internal', JsonExpr: 'Internal', JsonTablePath: 'Internal', JsonTablePathScan: 'Internal',
  JsonTableSiblingJoin: 'Internal', MergeAction: 'Internal', NextValueExpr: 'Internal', NullIfExpr: 'Internal',
  OidList: 'Internal', OnConflictExpr: 'Internal', OpExpr: 'Internal', PLAssignStmt: 'Internal', Param: 'Internal',
  ParseResult: 'Internal', Query: 'Internal', RTEPermissionInfo: 'Internal', RangeTblEntry: 'Internal',
  RangeTblFunction: 'Internal', RangeTblRef: 'Internal', RawStmt: 'Internal', RelabelType: 'Internal',
  ReturnStmt: 'Internal', ReturningExpr: 'Internal', RowCompareExpr: 'Internal', RowMarkClause: 'Internal',
  ScalarArrayOpExpr: 'Internal', ScanResult: 'Internal', ScanToken: 'Internal', SetOperationStmt: 'Internal',
  SortGroupClause: 'Internal', SubPlan: 'Internal', SubscriptingRef: 'Internal', SummaryResult: 'Internal',
  Table: 'Internal', TableFunc: 'Internal', TableSampleClause: 'Internal', TargetEntry: 'Internal', Var: 'Internal',
  WindowClause: 'Internal', WindowFunc: 'Internal', WindowFuncRunCondition: 'Internal', WithCheckOption: 'Internal',
} as const satisfies Record<NodeName, NodeRole>

/** Names of the nodes of one role. */
export type NodesOf<R extends NodeRole> = {
  [Name in NodeName]: (typeof nodeRoles)[Name] extends R ? Name : never
}[NodeName]
