import * as encode from '../../sidecar/src/wire/postgres/encode.ts'
import { mutateBytes } from './mutate-bytes.ts'
import type { Random } from './random.ts'

/** What one client sends: allowed and refused, in an order that no driver would choose, and its farewell. */
export function sessionBytes(random: Random): Buffer {
  const messages = Array.from({ length: 5 + random.below(30) }, () => step(random)).flat()
  if (random.once(4)) {
    const at = random.below(messages.length)
    messages[at] = mutateBytes(random, messages[at] ?? Buffer.alloc(0), random.pick(messages))
  }
  // What a changed length promises is sent, too: else the sidecar would wait for it, as it should.
  const bytes = completed(completed(Buffer.concat(messages)))
  return Buffer.concat([bytes, encode.copyFail('end'), encode.sync(), encode.terminate()]) // prettier-ignore
}

/** With zeros for what the header of the last message lacks, or its body where the header is whole. */
function completed(bytes: Buffer): Buffer {
  let offset = 0
  while (offset + 5 <= bytes.length) {
    const length = bytes.readUInt32BE(offset + 1)
    // Refused, however much follows.
    if (length < 4 || length > 64 << 20) return bytes
    offset += 1 + length
  }
  const wanted = offset < bytes.length ? offset + 5 : offset
  return wanted > bytes.length ? Buffer.concat([bytes, Buffer.alloc(wanted - bytes.length)]) : bytes
}

const names = ['', '', 'a', 'b', '__sallyport_refused__']

const statements = [
  'SELECT id, note FROM open',
  'SELECT id, secret FROM open',
  'SELECT id, upper(secret) FROM open',
  'SELECT $1::int',
  'SELECT * FROM hidden',
  'SELECT pg_sleep(0)',
  'SELECT 1/0',
  'SELEC',
  '',
  'INSERT INTO written (n) VALUES (1)',
  'INSERT INTO written (n) VALUES ($1) RETURNING n',
  'UPDATE written SET n = n + 1 WHERE n > 0',
  'DELETE FROM written WHERE n = 1',
  'DELETE FROM written',
  'BEGIN',
  'COMMIT',
  'ROLLBACK',
  'SAVEPOINT s',
  'ROLLBACK TO s',
  'PREPARE a AS SELECT id FROM open',
  'PREPARE b AS SELECT * FROM hidden',
  'EXECUTE a',
  'EXECUTE b',
  'DEALLOCATE a',
  'DECLARE a CURSOR FOR SELECT id, secret FROM open',
  'DECLARE b CURSOR FOR SELECT * FROM hidden',
  'FETCH 2 FROM a',
  'FETCH ALL FROM b',
  'CLOSE a',
  'COPY open TO STDOUT',
  'COPY (SELECT note FROM open) TO STDOUT',
  "SET search_path = 'public'",
  'SET search_path = pg_temp, public',
  'EXPLAIN SELECT * FROM open',
  'EXPLAIN ANALYZE DELETE FROM written WHERE n = 2',
  'DROP TABLE written',
] // prettier-ignore

/** These end a session, or all that it has. */
const rare = ["SELECT set_config('role', 'postgres', false)", 'COPY written FROM STDIN', 'DISCARD ALL']

/** Mostly what drivers send, so that something is there to be mistaken for something else. */
function step(random: Random): readonly Buffer[] {
  const [name, portal, text] = [
    random.pick(names),
    random.pick(names),
    random.pick(random.once(12) ? rare : statements),
  ]
  const parameters = text.includes('$1') ? [Buffer.from('7')] : []
  const run = [encode.bind({ portal, statement: name, parameters }), encode.execute(portal, random.once(4) ? 1 : 0)]
  switch (random.below(6)) {
    case 0:
      return [encode.query(text)]
    case 1:
      return [encode.parse(name, text), ...run, encode.sync()]
    case 2:
      return [...run, encode.sync()]
    case 3:
      return [encode.close('S', name), encode.parse(name, text), encode.describe('S', name), encode.sync()]
    default:
      return [message(random)]
  }
}

function message(random: Random): Buffer {
  const name = random.pick(names)
  switch (random.below(14)) {
    case 0:
    case 1:
      return encode.query(random.pick(statements))
    case 2:
      return encode.query(`${random.pick(statements)};${random.pick(statements)}`)
    case 3:
    case 4:
      return encode.parse(name, random.pick(statements))
    case 5:
    case 6:
      return encode.bind({
        portal: random.pick(names),
        statement: name,
        parameters: random.once(3) ? [Buffer.from('7')] : [],
        resultFormats: random.once(3) ? [1] : [],
      })
    case 7:
    case 8:
      return encode.execute(name, random.once(3) ? 1 + random.below(3) : 0)
    case 9:
      return encode.describe(random.once(2) ? 'S' : 'P', name)
    case 10:
      return encode.close(random.once(2) ? 'S' : 'P', name)
    case 11:
      return random.once(3) ? encode.flush() : encode.copyFail('no')
    default:
      return encode.sync()
  }
}
