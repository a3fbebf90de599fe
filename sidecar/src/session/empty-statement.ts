import type { PreparedStatement } from './session-objects.ts'
import { digestOf } from './statement-judge.ts'

/** A statement of no text: it does nothing and answers EmptyQueryResponse. */
export function emptyStatement(name: string, context: string): PreparedStatement {
  return {
    name,
    digest: digestOf(Buffer.alloc(0)),
    sql: Buffer.alloc(0),
    context,
    facts: {
      kind: 'Empty',
      span: { start: 0, end: 0 },
      effects: [],
      functions: [],
      triggers: [],
      settings: [],
      columns: { read: [], derived: [], predicate: [], written: [] },
      outputs: null,
      affectedRows: 'None',
      systemRelations: [],
      readsData: false,
      packsRows: false,
      tags: [],
      action: { kind: 'None' },
      problems: [],
      fingerprint: '',
      normalized: '',
    },
  }
}
