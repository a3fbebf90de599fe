import * as encode from '../../sidecar/src/wire/postgres/encode.ts'

const int16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff])
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function frame(tag: string, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from(tag), int32(body.length + 4), body])
}

/** Well-formed messages of a client (manual, "Message Formats"). */
export const frontendFrames: readonly Buffer[] = [
  encode.query('SELECT 1'),
  encode.query(''),
  encode.parse('', 'SELECT $1::int', [23]),
  encode.parse('name', 'SELECT $1, $2', [0, 25]),
  encode.bind({ portal: '', statement: '' }),
  encode.bind({
    portal: 'p',
    statement: 'name',
    parameterFormats: [0, 1],
    parameters: [Buffer.from('42'), null],
    resultFormats: [1],
  }),
  encode.describe('S', 'name'),
  encode.describe('P', ''),
  encode.execute('', 0),
  encode.execute('p', 100),
  encode.close('S', 'name'),
  encode.close('P', 'p'),
  encode.flush(),
  encode.sync(),
  encode.copyFail('no more'),
  frame('d', Buffer.from('1\ttext\n')),
  frame('c'),
  frame('F', int32(1), int16(0), int16(0), int16(0)),
  frame('p', Buffer.from('secret\0')),
  encode.terminate(),
]

/** Fields of a DataRow of four columns. */
const row = (...values: readonly (string | null)[]): Buffer =>
  frame(
    'D',
    int16(values.length),
    ...values.flatMap((value) =>
      value === null ? [int32(-1)] : [int32(Buffer.byteLength(value)), Buffer.from(value)],
    ),
  )

const described = (name: string, type: number): readonly Buffer[] => [
  Buffer.from(`${name}\0`),
  int32(16_384),
  int16(1),
  int32(type),
  int16(-1),
  int32(-1),
  int16(0),
]

/** Well-formed messages of a server. */
export const backendFrames: readonly Buffer[] = [
  encode.parseComplete(),
  encode.bindComplete(),
  encode.closeComplete(),
  encode.noData(),
  encode.emptyQueryResponse(),
  encode.commandComplete('SELECT 1'),
  encode.commandComplete('INSERT 0 12'),
  encode.readyForQuery('I'),
  encode.readyForQuery('T'),
  encode.parameterStatus('client_encoding', 'UTF8'),
  encode.backendKeyData(42, Buffer.from('key!')),
  encode.errorResponse({ severity: 'ERROR', sqlstate: '42601', message: 'syntax error', detail: 'none', hint: 'fix' }),
  encode.noticeResponse({ severity: 'NOTICE', sqlstate: '00000', message: 'by the way' }),
  frame('T', int16(2), ...described('id', 23), ...described('email', 25)),
  frame('t', int16(1), int32(23)),
  row('1', 'a@example.com', null, 'x'),
  row(null, '', 'value', 'é'),
  frame('s'),
  frame('G', Buffer.from([0]), int16(1), int16(0)),
  frame('H', Buffer.from([0]), int16(1), int16(0)),
  frame('d', Buffer.from('1\ttext\n')),
  frame('c'),
  frame('R', int32(10), Buffer.from('SCRAM-SHA-256\0\0')),
  frame('v', int32(196_608), int32(1), Buffer.from('_pq_.x\0')),
]
