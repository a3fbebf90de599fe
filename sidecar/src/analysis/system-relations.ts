/**
 * What `catalog` of a grant opens of the system's own relations: what psql, drivers, ORMs and BI tools ask about schemas.
 * Not listed: never. Other sessions' statements, statistics with values, passwords, server files and large objects are not
 * on it.
 */
const introspect = new Set(
  `pg_aggregate pg_am pg_amop pg_amproc pg_attrdef pg_attribute pg_auth_members pg_cast pg_class pg_collation
  pg_constraint pg_conversion pg_database pg_default_acl pg_depend pg_description pg_enum pg_event_trigger pg_extension
  pg_foreign_data_wrapper pg_foreign_table pg_index pg_inherits pg_init_privs pg_language pg_namespace pg_opclass
  pg_operator pg_opfamily pg_partitioned_table pg_policy pg_proc pg_publication pg_publication_rel
  pg_publication_namespace pg_range pg_rewrite pg_seclabel pg_sequence pg_shdescription pg_statistic_ext pg_tablespace
  pg_transform pg_trigger pg_ts_config pg_ts_config_map pg_ts_dict pg_ts_parser pg_ts_template pg_type
  pg_available_extensions pg_available_extension_versions pg_indexes pg_matviews pg_policies pg_publication_tables
  pg_roles pg_rules pg_seclabels pg_sequences pg_settings pg_tables pg_timezone_abbrevs pg_timezone_names pg_views
  pg_group pg_foreign_server`.split(/\s+/),
)
const dump = new Set([
  'pg_db_role_setting',
  'pg_subscription',
  'pg_subscription_rel',
  'pg_largeobject_metadata',
  'pg_user_mappings',
  'pg_shseclabel',
  'pg_parameter_acl',
])
/** Bodies of functions and what may hold secrets. */
const neverColumns = new Set([
  'pg_catalog.pg_proc.prosrc',
  'pg_catalog.pg_proc.probin',
  'pg_catalog.pg_proc.prosqlbody',
  'pg_catalog.pg_settings.sourcefile',
  'pg_catalog.pg_sequences.last_value',
  'pg_catalog.pg_subscription.subconninfo',
])
/** Where other servers are, which a dump holds. */
const dumpColumns = new Set(['pg_catalog.pg_foreign_server.srvoptions'])
const neverInformationSchema = new Set(['user_mapping_options', 'foreign_server_options', 'foreign_table_options'])

export type CatalogProfile = 'Introspect' | 'Dump' | 'Never'

export function isSystemSchema(schema: string): boolean {
  return schema === 'pg_catalog' || schema === 'information_schema' || schema === 'pg_toast'
}

export function relationProfile(schema: string, name: string): CatalogProfile {
  if (schema === 'information_schema') return neverInformationSchema.has(name) ? 'Never' : 'Introspect'
  if (schema !== 'pg_catalog') return 'Never'
  return introspect.has(name) ? 'Introspect' : dump.has(name) ? 'Dump' : 'Never'
}

/** Null: the column is as open as its relation. */
export function columnProfile(relation: string, column: string): CatalogProfile | null {
  if (relation === 'information_schema.routines' && column === 'routine_definition') return 'Never'
  const name = `${relation}.${column}`
  return neverColumns.has(name) ? 'Never' : dumpColumns.has(name) ? 'Dump' : null
}
