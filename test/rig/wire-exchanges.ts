import * as encode from '../../sidecar/src/wire/postgres/encode.ts'
import type { Step } from './wire-talk.ts'

const { bind, close, copyFail, describe, execute, flush, parse, query, sync } = encode

export interface Exchange {
  readonly name: string
  readonly steps: readonly Step[]
}

const readItems = 'SELECT id, name FROM item ORDER BY id'
const insertItem = 'INSERT INTO item VALUES ($1, $2)'
const copyItems = 'COPY item FROM STDIN'

/** Written at once; `waits` as in {@link Step}. */
function step(waits: number, ...send: readonly Buffer[]): Step {
  return { send, waits }
}

/** Queries one after the other. */
function queries(...texts: readonly string[]): readonly Step[] {
  return texts.map((text) => step(1, query(text)))
}

/** Parse, Bind, Describe and Execute of an unnamed portal. */
function run(sql: string, parameters: readonly (Buffer | null)[] = [], maxRows = 0): readonly Buffer[] {
  return [parse('', sql), bind({ portal: '', statement: '', parameters }), describe('P', ''), execute('', maxRows)]
}

function texts(...values: readonly (string | null)[]): readonly (Buffer | null)[] {
  return values.map((value) => (value === null ? null : Buffer.from(value)))
}

function copyData(text: string): Buffer {
  return tagged('d', Buffer.from(text))
}

const copyDone = tagged('c')

function tagged(tag: string, body: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(5)
  head.write(tag, 'latin1')
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

const simple: readonly Exchange[] = [
  { name: 'a query', steps: queries(readItems) },
  { name: 'NULL, an empty string, bytes', steps: queries(String.raw`SELECT NULL::text, '', '\x00ff'::bytea, 'ü€😀'`) },
  { name: 'nothing to say', steps: queries('', ' ; ', '-- a comment', '/* another */;') },
  {
    name: 'several statements',
    steps: queries(`INSERT INTO item VALUES (6, 'six'); ${readItems}; DELETE FROM item WHERE id > 0`),
  },
  {
    name: 'several statements, one of them wrong',
    steps: queries('DELETE FROM item WHERE id > 0; SELECT 1/0; SELECT 2', readItems),
  },
  {
    name: 'several statements and a commit',
    steps: queries('BEGIN; DELETE FROM item WHERE id = 1; COMMIT; SELECT 1/0'),
  },
  { name: 'an error after rows', steps: queries('SELECT 6/(3 - id) FROM item ORDER BY id', readItems) },
  { name: 'what cannot be parsed by the server', steps: queries("SELECT 'a'::int", readItems) },
  {
    name: 'a failed transaction',
    steps: queries('BEGIN', 'DELETE FROM item WHERE id > 0', 'SELECT 1/0', readItems, 'COMMIT', readItems),
  },
  { name: 'a savepoint', steps: queries('BEGIN', 'SAVEPOINT a', 'SELECT 1/0', 'ROLLBACK TO a', readItems, 'COMMIT') },
  { name: 'a cursor', steps: queries(`BEGIN; DECLARE c CURSOR FOR ${readItems}`, 'FETCH 2 FROM c', 'FETCH ALL FROM c', 'CLOSE c', 'COMMIT') }, // prettier-ignore
  { name: 'a statement prepared by SQL', steps: queries('PREPARE p(int) AS SELECT name FROM item WHERE id = $1', 'EXECUTE p(2)', 'DEALLOCATE p') }, // prettier-ignore
  { name: 'a constraint that is checked at the end', steps: queries('INSERT INTO part VALUES (1, 99)', 'BEGIN', 'INSERT INTO part VALUES (1, 99)', 'COMMIT') }, // prettier-ignore
  { name: 'a row of 300,000 bytes', steps: queries("SELECT repeat('x', 300000)") },
  { name: 'settings that are reported', steps: queries("SET TimeZone = 'Asia/Tokyo'", "SET application_name = 'a'", "SET DateStyle = 'German'", 'RESET TimeZone', 'RESET DateStyle') }, // prettier-ignore
  { name: 'a setting that is taken back', steps: queries('BEGIN', "SET LOCAL TimeZone = 'Asia/Tokyo'", 'ROLLBACK') },
  { name: 'warnings', steps: queries('ROLLBACK', 'BEGIN', 'BEGIN', 'COMMIT', "SET LOCAL TimeZone = 'UTC'") },
]

const extended: readonly Exchange[] = [
  { name: 'parameters and both formats', steps: [
    step(1, parse('s', 'SELECT id, name FROM item WHERE id = $1 OR name = $2', [23, 25]), describe('S', 's'),
      bind({ portal: 'p', statement: 's', parameterFormats: [1, 0], parameters: [Buffer.from([0, 0, 0, 2]), Buffer.from('n4')], resultFormats: [1, 0] }), // prettier-ignore
      describe('P', 'p'), execute('p', 0), sync()),
    step(1, bind({ portal: '', statement: 's', parameters: texts('1', null) }), execute('', 0), close('S', 's'), sync()),
    step(1, parse('s', 'SELECT 1'), close('S', 'nothing'), close('P', 'nothing'), sync()),
  ] }, // prettier-ignore
  { name: 'nothing to say, extended', steps: [step(1, ...run(''), sync())] },
  { name: 'what a Flush brings', steps: [step(1, ...run(readItems), flush(), sync())] },
  { name: 'a pipeline', steps: [
    step(3, ...run(insertItem, texts('6', 'six')), ...run(readItems), sync(), ...run('DELETE FROM item WHERE id < 3'), sync(), query(readItems)), // prettier-ignore
  ] }, // prettier-ignore
  { name: 'an error in a pipeline', steps: [
    step(2, ...run(insertItem, texts('6', 'six')), ...run('SELECT 1/0'), ...run('DELETE FROM item WHERE id > 0'), sync(), ...run(readItems), sync()), // prettier-ignore
  ] }, // prettier-ignore
  { name: 'an error of Bind in a pipeline', steps: [
    step(3, ...run(insertItem, texts('6', 'six')), ...run(insertItem, texts('seven', '7')), sync(), sync(), ...run(readItems), sync()), // prettier-ignore
  ] }, // prettier-ignore
  { name: 'an error of Parse in a pipeline', steps: [
    step(2, ...run('DELETE FROM item WHERE id > 0'), parse('', "SELECT 'a'::int"), ...run(readItems), sync(), ...run(readItems), sync()),
  ] }, // prettier-ignore
  { name: 'a query that an error swallows', steps: [
    step(1, ...run('SELECT 1/0'), query('DELETE FROM item WHERE id > 0'), sync()),
    step(1, query(readItems)),
  ] }, // prettier-ignore
  { name: 'a name that is taken', steps: [step(1, parse('s', 'SELECT 1'), parse('s', 'SELECT 2'), sync()), step(1, parse('s', 'SELECT 3'), sync())] }, // prettier-ignore
  { name: 'a result in pages', steps: [
    step(1, ...run(readItems, [], 2), execute('', 2), execute('', 2), sync()),
  ] }, // prettier-ignore
  { name: 'pages across Sync in a transaction', steps: [
    step(1, query('BEGIN')),
    step(1, parse('', readItems), bind({ portal: 'p', statement: '' }), execute('p', 3), sync()),
    step(1, execute('p', 1), sync()),
    step(1, execute('p', 0), close('P', 'p'), sync()),
    step(1, query('COMMIT')),
  ] }, // prettier-ignore
  { name: 'a transaction in a pipeline', steps: [
    step(2, ...run('BEGIN'), ...run('DELETE FROM item WHERE id = 1'), ...run('COMMIT'), ...run('SELECT 1/0'), sync(), ...run(readItems), sync()), // prettier-ignore
  ] }, // prettier-ignore
  { name: 'a constraint that is checked at Sync', steps: [step(2, ...run("INSERT INTO part VALUES (1, 99)"), sync(), query('TABLE part'))] }, // prettier-ignore
]

const copies: readonly Exchange[] = [
  { name: 'COPY out', steps: queries('COPY item TO STDOUT', 'COPY (SELECT name FROM item) TO STDOUT (FORMAT csv, HEADER)', 'COPY item TO STDOUT (FORMAT binary)') }, // prettier-ignore
  { name: 'COPY out, extended', steps: [step(1, ...run('COPY item TO STDOUT'), sync())] },
  { name: 'COPY in', steps: [
    step(1, query(copyItems)),
    step(1, copyData('6\tsix\n7\tse'), copyData('ven\n'), copyDone),
    step(1, query(readItems)),
  ] }, // prettier-ignore
  { name: 'COPY in that the client gives up', steps: [step(1, query(copyItems)), step(1, copyData('6\tsix\n'), copyFail('no more')), step(1, query(readItems))] }, // prettier-ignore
  { name: 'COPY in of a wrong row', steps: [step(1, query(copyItems)), step(1, copyData('six\t6\n'), copyDone), step(1, query(readItems))] }, // prettier-ignore
  { name: 'COPY in, extended', steps: [
    step(1, ...run(copyItems), flush()),
    step(1, copyData('6\tsix\n'), copyDone, sync()),
    step(1, query(readItems)),
  ] }, // prettier-ignore
  {
    name: 'COPY in, said at once',
    steps: [step(3, query(copyItems), copyData('6\tsix\n'), copyDone, query(readItems))],
  },
  { name: 'COPY in, extended, said at once with its Sync', steps: [step(2, ...run(copyItems), sync(), copyData('6\tsix\n'), copyDone, sync()), step(1, query(readItems))] }, // prettier-ignore
  { name: 'COPY in, extended, of a wrong row', steps: [step(1, ...run(copyItems), flush()), step(1, copyData('six\t6\n'), copyDone, sync()), step(1, query(readItems))] }, // prettier-ignore
  { name: 'COPY in, extended, that the client gives up', steps: [step(1, ...run(copyItems), flush()), step(1, copyFail('no more'), sync()), step(1, query(readItems))] }, // prettier-ignore
  { name: 'COPY in with Flush and Sync between the rows', steps: [step(1, query(copyItems)), step(1, copyData('6\tsix\n'), flush(), sync(), copyData('7\tseven\n'), copyDone), step(1, query(readItems))] }, // prettier-ignore
  { name: 'COPY in of 4 MB', steps: [step(1, query(copyItems)), step(1, ...Array.from({ length: 400 }, (_, n) => copyData(`${n + 6}\t${'x'.repeat(10_000)}\n`)), copyDone), step(1, query('SELECT count(*) FROM item'))] }, // prettier-ignore
  { name: 'COPY in in a transaction, and out again', steps: [step(1, query('BEGIN')), step(1, query(copyItems)), step(1, copyData('6\tsix\n'), copyDone), step(1, query('COPY item TO STDOUT')), step(1, query('ROLLBACK')), step(1, query(readItems))] }, // prettier-ignore
  {
    name: 'COPY data where there is no COPY',
    steps: [step(1, copyData('x'), copyDone, copyFail('x'), query(readItems))],
  },
]

/** A Query where the rows of a COPY are due. */
export const queryInCopy: readonly Step[] = [step(1, query(copyItems)), step(1, copyData('6\tsix\n'), query(readItems))]

/** A Query where a Sync is due. */
export const queryForSync: readonly Step[] = [
  step(1, ...run('DELETE FROM item WHERE id = 1'), query(readItems)),
  step(1, sync()),
]

/** What a client may say of `item` and `part`; everything is allowed to it. */
export const exchanges: readonly Exchange[] = [...simple, ...extended, ...copies]
