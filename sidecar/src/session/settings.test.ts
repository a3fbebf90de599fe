import { describe, expect, it } from 'vitest'
import { parseOptions, readStartup, type StartupRequest } from './settings.ts'

function request(parameters: Readonly<Record<string, string>>): StartupRequest {
  const result = readStartup(new Map(Object.entries(parameters)))
  if (result.kind !== 'Request') throw new TypeError(result.message)
  return result.request
}

function pairs(text: string): readonly string[] | null {
  return parseOptions(text)?.map(({ name, value }) => `${name}=${value}`) ?? null
}

describe('the options of a start-up message', () => {
  it.each<[string, readonly string[]]>([
    ['', []],
    ['-c geqo=off', ['geqo=off']],
    ['-cgeqo=off', ['geqo=off']],
    ['--geqo=off', ['geqo=off']],
    ['  -c  geqo=off\t--Search-Path=a,b ', ['geqo=off', 'search_path=a,b']],
    ['-c search_path=a\\ b\\\\c', ['search_path=a b\\c']],
    ['-c a.b=c=d', ['a.b=c=d']],
    ['--geqo=', ['geqo=']],
    ['-c geqo=off\\', ['geqo=off']],
  ])('are read as the server reads them: %j', (text, expected) => {
    expect(pairs(text)).toEqual(expected)
  })

  it.each(['geqo=off', '-c', '-c geqo', '--geqo', '-e', '-d 5', '-xc geqo=off', '-- geqo=off', '-c "geqo=off"'])(
    'are nothing else: %j',
    (text) => {
      expect(pairs(text)).toBeNull()
    },
  )
})

describe('a start-up message', () => {
  it('names settings, in options and apart; the latter count, wherever they stand', () => {
    const { settings } = request({ user: 'a', TimeZone: 'UTC', options: '-c timezone=Asia/Tokyo --geqo=off' })
    const byName = new Map(settings.map(({ name, value }) => [name, value]))
    expect(byName).toEqual(new Map([['timezone', 'UTC'], ['geqo', 'off']])) // prettier-ignore
  })

  it('judges every value of a setting that is named twice', () => {
    const { settings } = request({ options: '-c search_path=evil -c search_path=public', search_path: 'public' })
    expect(settings.map(({ value }) => value)).toEqual(['evil', 'public', 'public'])
  })

  it('has options of the protocol beside them', () => {
    expect(request({ '_pq_.new': '1', user: 'a' })).toMatchObject({ protocolOptions: ['_pq_.new'], settings: [] })
  })

  it('does not take a setting for the field it sounds like', () => {
    expect(request({ User: 'a' })).toMatchObject({ user: '', settings: [{ name: 'user' }] })
  })

  it('asks for replication with anything but a plain no', () => {
    for (const value of ['', 'false', 'off', 'no', '0']) expect(request({ replication: value }).replication).toBe(false)
    for (const value of ['true', 'database', '1', 'on', 'x'])
      expect(request({ replication: value }).replication).toBe(true)
  })

  it('tells the name of the application wherever it is said', () => {
    expect(request({ application_name: 'a' }).applicationName).toBe('a')
    expect(request({ options: '-c application_name=b' }).applicationName).toBe('b')
    expect(request({})).toMatchObject({ applicationName: '', database: null, user: '' })
  })

  it('is refused with options that are not settings', () => {
    expect(readStartup(new Map([['options', '-e']]))).toMatchObject({ kind: 'Malformed' })
  })
})
