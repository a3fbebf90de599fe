import type { Denial } from '../model/decision.ts'
import type { StatementFacts } from '../model/statement-facts.ts'

/** A statement as it was judged when it was prepared, by Parse or by SQL PREPARE: they share one space of names. */
export interface PreparedStatement {
  readonly name: string
  readonly facts: StatementFacts
  /** `sha256:` of the statement's bytes. */
  readonly digest: string
  /** What names were resolved against; facts made under another context are made again. */
  readonly context: string
  /** The text as sent, for statements the session must take apart itself. */
  readonly sql: Buffer
}

/** A portal, or a cursor made by DECLARE: they share one space of names, too. */
export interface Portal {
  readonly name: string
  readonly statement: PreparedStatement
  /** 0, 1 or n format codes of the results; a SQL cursor answers in the format of the FETCH. */
  readonly resultFormats: readonly number[]
  /** Rows sent to the client by earlier Executes: a portal is one statement however it is paged. */
  rowsSent: number
  /** The plan of the result was checked against a RowDescription. */
  described: boolean
  /** WITH HOLD, or made outside a transaction block by DECLARE: survives the transaction. */
  readonly held: boolean
}

/**
 * What names mean on the server. A name is entered when the server confirms it (ParseComplete, BindComplete,
 * CommandComplete), so that a statement that failed can never lend its name to another one's facts.
 */
export class SessionObjects {
  readonly statements = new Map<string, PreparedStatement>()
  readonly portals = new Map<string, Portal>()

  /** A transaction ended: portals go with it (manual, "Extended Query": portals last until the end of the transaction). */
  endTransaction(): void {
    for (const [name, portal] of this.portals) if (!portal.held) this.portals.delete(name)
  }

  /** A simple Query destroys the unnamed statement and the unnamed portal. */
  simpleQuery(): void {
    this.statements.delete('')
    this.portals.delete('')
  }
}

/** Result of looking a name up: known, or a refusal. */
export type Lookup<T> =
  { readonly kind: 'Found'; readonly value: T } | { readonly kind: 'Refused'; readonly denial: Denial }
