import { parseRecord } from '@sallyport/crds'

/** A record on one line for people: time, what, who, on what, and why where it was refused. */
export function formatRecord(line: string): string {
  const record = parseRecord(line)
  if (!record) return line
  const { fields } = record
  const session = objectOf(fields.session)
  const subject = objectOf(fields.subject)
  const what = [textOf(fields.kind), textOf(fields.phase)].filter((part) => part !== '').join('/')
  const parts = [
    record.time,
    what.padEnd(17),
    textOf(fields.decision).replace('Deny', 'Deny '),
    pairOf(
      'subject',
      [textOf(subject.namespace), textOf(subject.serviceAccount)].filter((part) => part !== '').join('/'),
    ),
    pairOf('grant', textOf(fields.grant)),
    pairOf('database', textOf(session.database)),
    pairOf('reason', textOf(fields.reason)),
    pairOf('rule', textOf(fields.rule)),
    pairOf('policy', textOf(fields.policy)),
    ...outcomeOf(fields),
    printable(textOf(objectOf(fields.statement).text)),
  ]
  return parts
    .filter((part) => part !== '')
    .join(' ')
    .trimEnd()
}

function outcomeOf(fields: Readonly<Record<string, unknown>>): readonly string[] {
  if (fields.phase !== 'Outcome') return []
  const { rows, affectedRows, sqlstate, durationUs } = fields
  return [
    typeof rows === 'number' ? `rows=${rows}` : '',
    typeof affectedRows === 'number' ? `affected=${affectedRows}` : '',
    pairOf('sqlstate', textOf(sqlstate)),
    typeof durationUs === 'number' ? `${(durationUs / 1000).toFixed(1)}ms` : '',
  ]
}

function pairOf(key: string, value: string): string {
  return value === '' ? '' : `${key}=${/^[^\s"]+$/.test(value) ? printable(value) : JSON.stringify(value)}`
}

/** Statements come from clients: nothing in them may drive the terminal. */
function printable(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\u0000-\u001f\u007f-\u009f]/g, '?')
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
