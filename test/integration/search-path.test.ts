import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { testGrant } from '../../sidecar/src/bundle/testing/test-controller.ts'
import { openTestListeners, testDatabase, type TestListeners } from '../../sidecar/src/testing/test-listeners.ts'
import { bind, close, describe as describeMessage, execute, parse, query, sync } from '../../sidecar/src/wire/postgres/encode.ts' // prettier-ignore
import { freePort } from '../rig/free-port.ts'
import { startPostgres, type Postgres } from '../rig/postgres.ts'
import { talk } from '../rig/wire-talk.ts'

let postgres: Postgres
let sidecar: TestListeners
let port = 0

/** `t` is granted in `a`, and is another table in `b` and `public`; of `b` another one is granted, so that the path may name it. */
beforeAll(async () => {
  postgres = await startPostgres()
  await postgres.sql(`CREATE ROLE app LOGIN PASSWORD 'app';
    CREATE SCHEMA a; CREATE SCHEMA b; GRANT USAGE ON SCHEMA a, b TO app;
    CREATE TABLE a.t AS SELECT 'granted' AS x; CREATE TABLE b.t AS SELECT 'secret' AS x; CREATE TABLE b.u (x text);
    CREATE TABLE public.t AS SELECT 'secret' AS x; GRANT SELECT ON a.t, b.t, b.u, public.t TO app`)
  port = await freePort()
  const grant = {
    ...testGrant('one', Date.now() + 3_600_000),
    database: { namespace: 'agents', name: 'db' },
    permissions: [{ operations: ['Select', 'CopyOut'] as const, relations: ['a.*', 'b.u'] }],
  }
  const database = { ...testDatabase('db', port, postgres.port), credentials: { username: 'app', password: 'app' } }
  sidecar = await openTestListeners(new Map(), [database], { grants: [grant] })
}, 120_000)

afterAll(async () => {
  await sidecar.close()
  await postgres.stop()
})

type Segment = readonly Buffer[]

const say = (sql: string): Segment => [query(sql)]
/** Without Sync. */
const run = (sql: string, name = ''): Segment => [parse(name, sql), ...runs(name)]
const runs = (name: string): Segment => [bind({ portal: '', statement: name }), execute('', 0)]
const portal = (name: string, sql: string): Segment => [parse('', sql), bind({ portal: name, statement: '' })]
const synced = (...parts: readonly Segment[]): Segment => [...parts.flat(), sync()]

async function answer(segments: readonly Segment[]): Promise<string> {
  const target = { address: { host: '127.0.0.1', port }, user: 'agent', database: 'postgres' }
  return (await talk(target, segments.map((send) => ({ send, waits: 1 })))).join('\n') // prettier-ignore
}

const t = 'SELECT * FROM t'
const onA = say('SET search_path = a')
const inA = synced(run('BEGIN'), run('SET LOCAL search_path = a'))
const known = synced(run(t, 's'))

describe('a name whose meaning changes with the search path', () => {
  const rows: readonly (readonly [name: string, segments: readonly Segment[]])[] = [
    ['Parse behind SET', [onA, synced(run('SET search_path = b'), run(t))]],
    ['Bind behind SET', [onA, known, synced(run('SET search_path = b'), runs('s'))]],
    ['Bind behind COMMIT', [inA, known, synced(run('COMMIT'), runs('s'))]],
    ['Bind after COMMIT', [inA, known, synced(run('COMMIT')), synced(runs('s'))]],
    ['Describe and Bind after COMMIT', [inA, known, say('COMMIT'), synced([describeMessage('S', 's')], runs('s'))]],
    ['Close and Bind after COMMIT', [inA, known, say('COMMIT'), synced([close('S', 'x')], runs('s'))]],
    ['Bind behind ROLLBACK in a failed transaction', [inA, known, say('SELECT 1 / 0'), synced(run('ROLLBACK'), runs('s'))]], // prettier-ignore
    ['Bind behind ROLLBACK TO', [say('SET search_path = b'), say('BEGIN; SAVEPOINT x; SET LOCAL search_path = a'), known, synced(run('ROLLBACK TO x'), runs('s'))]], // prettier-ignore
    ['Bind behind DISCARD ALL', [onA, known, synced(run('DISCARD ALL'), run(t))]],
    ['EXECUTE after COMMIT', [inA, say(`PREPARE s AS ${t}`), say('COMMIT'), say('EXECUTE s')]],
    ['EXECUTE after COMMIT, extended', [inA, say(`PREPARE s AS ${t}`), say('COMMIT'), synced(run('EXECUTE s'))]],
    ['EXECUTE behind SET', [onA, say(`PREPARE s AS ${t}`), synced(portal('p', 'EXECUTE s'), run('SET search_path = b'), [execute('p', 0)])]], // prettier-ignore
    ['COPY behind SET', [onA, synced(portal('p', 'COPY t TO STDOUT'), run('SET search_path = b'), [execute('p', 0)])]],
    ['COPY of an older portal', [say('BEGIN'), onA, synced(portal('p', 'COPY t TO STDOUT')), say('SET search_path = b'), synced([execute('p', 0)])]], // prettier-ignore
    ['COMMIT and SELECT in one', [inA, say(`COMMIT; ${t}`)]],
    ['ROLLBACK and SELECT in one, failed', [inA, say('SELECT 1 / 0'), say(`ROLLBACK; ${t}`)]],
    ['COMMIT and EXECUTE in one', [inA, say(`PREPARE s AS ${t}`), say('COMMIT; EXECUTE s')]],
    ['SET and SELECT in one', [onA, say(`SET search_path = b; ${t}`)]],
  ]

  it.each(rows)('is not taken for what it was: %s', async (_name, segments) => {
    const seen = await answer(segments)
    expect(seen).not.toContain('secret')
    expect(seen).toMatch(/reason=(uncovered-effect|catalog-unavailable|setting-not-listed)/)
  })
})

describe('a session that has set its search path', () => {
  it('ends a failed transaction through the extended protocol', async () => {
    const seen = await answer([onA, say('BEGIN'), say('SELECT 1 / 0'), synced(run(t)), synced(run('ROLLBACK')), synced(run(t))]) // prettier-ignore
    expect(seen).toContain('25P02')
    expect(seen).toContain('granted')
    expect(seen).not.toContain('reason=')
  })

  it('begins a segment with Bind, BEGIN before it', async () => {
    const begin = synced(run('BEGIN', 'b'), run(t, 's'))
    const seen = await answer([onA, begin, synced(run('COMMIT')), synced(runs('b'), runs('s')), synced(run('COMMIT'))])
    expect(seen.match(/granted/g)).toHaveLength(2)
    expect(seen).not.toContain('reason=')
  })

  it('sets the transaction before any query in it', async () => {
    const mode = 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ'
    const seen = await answer([onA, say('BEGIN'), say(mode), say(t), say('COMMIT'), inA, synced(run(mode)), say(t), say('COMMIT; BEGIN'), synced(run(mode, 'm')), say('COMMIT')]) // prettier-ignore
    expect(seen.match(/granted/g)).toHaveLength(2)
    expect(seen).not.toContain('ERROR')
  })

  it('sets more than that in one message', async () => {
    const seen = await answer([say("SET search_path = a; SET TimeZone = 'UTC'; SHOW TimeZone"), say(t)])
    expect(seen).toContain('granted')
  })
})
