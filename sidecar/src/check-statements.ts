import { readFile } from 'node:fs/promises'
import type { DatabaseBinding } from '@sallyport/crds'
import type { Logger } from 'pino'
import { PostgresAnalyzer } from './analysis/postgres-analyzer.ts'
import { BundleStore } from './bundle/bundle-store.ts'
import { FolderError, type CompilePolicy } from './bundle/folder-source.ts'
import { readFolderSnapshot } from './bundle/read-folder-snapshot.ts'
import { readCatalog, readCatalogFile } from './catalog-source.ts'
import { builtInGuardrails } from './config.ts'
import { loadPolicyEngine } from './decision/decide.ts'
import { denyReasons } from './model/deny-reasons.ts'
import type { Clock } from './model/clock.ts'
import type { Decision } from './model/decision.ts'
import type { PreparedStatement } from './session/session-objects.ts'
import { StatementJudge } from './session/statement-judge.ts'

export interface CheckOptions {
  readonly dir: string
  readonly grant?: string
  readonly subject?: { readonly namespace: string; readonly serviceAccount: string }
  /** `namespace/name` of the Database; may be absent where the grants name one only. */
  readonly database?: string
  readonly sql: Buffer
  readonly compilePolicy: CompilePolicy | undefined
  /** A saved catalog; absent: it is read from the Database. */
  readonly catalogFile?: string
  readonly saveCatalogTo?: string
  /** Another build of the built-in guardrails. */
  readonly guardrailsFile?: string
  readonly clock: Clock
  readonly log: Logger
}

/** What would come of one statement. */
export interface CheckedStatement {
  readonly text: string
  readonly decision: 'Allow' | 'Deny'
  /** `namespace/name` of the grant that allows it, or of the one that came nearest. */
  readonly grant: string | null
  readonly reason: string | null
  readonly rule: string | null
  readonly object: string | null
  /** One sentence; empty where it is allowed. */
  readonly message: string
  readonly effects: readonly string[]
  readonly masks: readonly { readonly column: string; readonly mask: string }[]
  readonly rowLimit: number | null
  readonly maxAffectedRows: number | null
}

/**
 * Judges statements against the manifests of a folder as a sidecar would, without running them.
 * @throws FolderError, CatalogError
 */
export async function checkStatements(options: CheckOptions): Promise<readonly CheckedStatement[]> {
  const { clock, log } = options
  const { snapshot, policies } = await readFolderSnapshot({ ...options, nowMs: clock.now() })
  const binding = pickDatabase(snapshot.databases, snapshot.grants, options)
  const store = new BundleStore({ clock })
  store.swap(snapshot, policies)
  const guardrails = await readFile(options.guardrailsFile ?? builtInGuardrails())
  const engine = await loadPolicyEngine({ guardrails, policies, log })
  const { catalog, searchPath } =
    options.catalogFile === undefined
      ? await readCatalog(binding, 10_000, options.saveCatalogTo)
      : await readCatalogFile(options.catalogFile)
  const analyzer = await PostgresAnalyzer.load()
  try {
    const catalogs = { version: 1, current: () => catalog }
    const judge = new StatementJudge({ analyzer, store, engine: () => engine, clock }, catalogs)
    const [database] = binding.databases
    const judged = await judge.analyze(options.sql, '', database, searchPath)
    if (judged.kind === 'Refused') return [report(null, options.sql, judged.denial)]
    const session = { database, serverVersion: catalog.data.serverVersion, facts: () => quietSession }
    return judged.statements.map((statement) =>
      report(statement, statement.sql, judge.decide(statement, binding, session)),
    )
  } finally {
    await analyzer.close()
  }
}

const quietSession = { applicationName: '', transaction: 'Idle', statements: 0, rows: 0, bytes: 0 } as const

function pickDatabase(
  databases: readonly DatabaseBinding[],
  grants: readonly { readonly database: { readonly namespace: string; readonly name: string } }[],
  { dir, database }: CheckOptions,
): DatabaseBinding {
  const named = new Set(database === undefined ? grants.map((grant) => keyOf(grant.database)) : [database])
  const [found, ...others] = databases.filter((binding) => named.has(keyOf(binding)))
  if (found && others.length === 0) return found
  const problem = found
    ? `the grants name ${[...named].join(', ')}; say which with --database`
    : `there is no Database ${[...named].join(', ')} that is meant`
  throw new FolderError([{ file: dir, path: '', problem }])
}

function report(statement: PreparedStatement | null, sql: Buffer, decision: Decision): CheckedStatement {
  const common = {
    text: sql.toString('utf8').trim(),
    effects: (statement?.facts.effects ?? []).map((effect) => `${effect.operation} ${effect.relation}`),
  }
  if (decision.effect === 'Allow') {
    const { grant, masks, rowLimit, maxAffectedRows } = decision
    const allowed = { decision: 'Allow', grant: keyOf(grant), masks, rowLimit, maxAffectedRows } as const
    return { ...common, ...allowed, reason: null, rule: null, object: null, message: '' }
  }
  const { reason, rule = null, object = null, grant = null, message = denyReasons[decision.reason].message } = decision
  const denied = { decision: 'Deny', grant, reason, rule, object, message } as const
  return { ...common, ...denied, masks: [], rowLimit: null, maxAffectedRows: null }
}

function keyOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`
}
