/**
 * Writes sidecar/src/analysis/data/reviewed-functions.ts: the built-in functions a statement may use without a grant
 * naming them. Candidates are the immutable and stable functions of the oldest and the newest supported PostgreSQL;
 * whole classes are struck out below, each with its reason, and a few volatile ones are let in by name.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { startPostgres } from '../rig/postgres.ts'

const struckOut: readonly (readonly [RegExp, string])[] = [
  [/^(table|schema|database|query|cursor)_to_xml/, 'reads any table, or runs SQL given as text'],
  [/^(ts_stat|ts_rewrite|ts_debug)$/, 'runs SQL given as text'],
  [/^(lo_|loread|lowrite|be_lo)/, 'large objects'],
  [
    /^pg_(stat_|ls_|read_|show_|get_(replication|shmem|backend|wal|aios|loaded|multixact|sequence_data|function_sqlbody|functiondef))/,
    'other sessions, server files, function bodies',
  ],
  [
    /^pg_(cursor|prepared_statement|config|hba|ident|listening_channels|current_xact_id|conf_load_time|postmaster)/,
    'state of the server or of the session',
  ],
  [
    /^pg_(relation_file|tablespace_location|filenode|split_walfile|walfile|wal_|lsn|snapshot|current_snapshot|visible)/,
    'where the server keeps its files',
  ],
  [
    /^pg_(event_trigger|extension_update|node_tree|ddl_command|dependencies|ndistinct|mcv|statistic(?!s_obj_is_visible))/,
    'internal',
  ],
  [
    /^(txid_|mxid_age|age$|fmgr_|binary_upgrade|RI_|plpgsql_|unique_key|suppress_)/,
    'internal, or assigns a transaction id',
  ],
  [
    /(_in|_out|_recv|_send|recv|send|_typanalyze|_support|sortsupport|skipsupport|_transfn|_finalfn|joinsel|[^a]sel|_handler|handler|_options)$/,
    'internal: input, output, planner and aggregate support',
  ],
  [
    /^(brin|gin|gist|spg|bt[a-z]+(cmp|image)|hash|amvalidate|tsm|prefixsel|inet_(gist|spg)|any|dsimple|dsynonym|dispell|thesaurus)/,
    'internal: index methods',
  ],
  [/^(repeat)$/, 'a generator without bound'],
  [/^(regclassin|regprocin|regtypein|reg[a-z]+(in|out))$/, 'internal'],
  [/^(nextval|currval|lastval|setval|setseed|set_config|pg_notify|pg_sleep)/, 'acts on the session or on data'],
]

const letIn = [
  'random',
  'random_normal',
  'clock_timestamp',
  'timeofday',
  'gen_random_uuid',
  'uuidv4',
  'uuidv7',
  'pg_relation_size',
  'pg_table_size',
  'pg_total_relation_size',
  'pg_indexes_size',
  'pg_database_size',
  'pg_is_in_recovery',
  'pg_partition_tree',
  'pg_partition_ancestors',
  'array_shuffle',
  'array_sample',
  'statement_timestamp',
  'pg_snapshot_xmin',
].filter((name) => name !== 'pg_snapshot_xmin')

const query = (volatile: boolean): string => `
  SELECT DISTINCT proname FROM pg_catalog.pg_proc
  WHERE pronamespace = 'pg_catalog'::regnamespace AND provolatile ${volatile ? '=' : '<>'} 'v'`

const found = new Set<string>()
for (const version of ['13', '18'] as const) {
  const server = await startPostgres({ version })
  try {
    const volatile = new Set((await server.sql(query(true))).split('\n'))
    for (const name of (await server.sql(query(false))).split('\n'))
      if (!volatile.has(name) && !struckOut.some(([pattern]) => pattern.test(name))) found.add(name)
    for (const name of letIn) if (volatile.has(name)) found.add(name)
  } finally {
    await server.stop()
  }
}
const names = [...found].sort()
const lines: string[] = []
let line = ' '
for (const name of names) {
  if (line.length + name.length > 116) {
    lines.push(line)
    line = ' '
  }
  line += ` ${name}`
}
lines.push(line)
writeFileSync(
  fileURLToPath(new URL('../../sidecar/src/analysis/data/reviewed-functions.ts', import.meta.url)),
  `// Made by test/tools/generate-reviewed-functions.ts; the rules and their reasons stand there.

/** Functions of pg_catalog that are pure, without I/O and without unbounded generation. */
export const reviewedFunctions: ReadonlySet<string> = new Set(
  \`
${lines.join('\n')}
\`
    .trim()
    .split(/\\s+/),
)
`,
)
