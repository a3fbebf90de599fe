import { expect, it } from 'vitest'
import { parseStatements, loadParser } from './parse-statements.ts'

it.each(['', ' ', ';', '-- nothing', '/* nothing */'])(
  'takes %j for no statement, and the parser is as good as before',
  async (text) => {
    await loadParser()
    expect(parseStatements(text)).toEqual({ kind: 'Parsed', statements: [] })
    expect(parseStatements('SELECT 1')).toMatchObject({ kind: 'Parsed', statements: [{ start: 0 }] })
  },
)
