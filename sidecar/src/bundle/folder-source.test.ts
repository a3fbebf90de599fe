import { mkdtempSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pino } from 'pino'
import { stringify } from 'yaml'
import { digestOfBytes, type Snapshot } from '@sallyport/crds'
import { BundleStore } from './bundle-store.ts'
import { FolderError, watchFolder, type CompilePolicy, type FolderOptions } from './folder-source.ts'

const log = pino({ enabled: false })
const apiVersion = 'sallyport.dev/v1alpha1'

const database = {
  apiVersion,
  kind: 'Database',
  metadata: { name: 'orders', namespace: 'agents' },
  spec: {
    engine: 'PostgreSQL',
    host: '127.0.0.1',
    port: 5432,
    localPort: 15432,
    databases: ['orders'],
    tls: { mode: 'VerifyFull', caSecretRef: { name: 'orders-ca', key: 'ca.crt' } },
    credentials: { static: { secretRef: { name: 'orders-login' } } },
    sensitive: [{ columns: ['public.customers.email', 'public.customers.ssn'], class: 'PII', mask: 'Partial' }],
    limits: { maxGrantDuration: '8h' },
  },
}
const grant = {
  apiVersion,
  kind: 'AccessGrant',
  metadata: { name: 'report', namespace: 'agents' },
  spec: {
    subject: { serviceAccountName: 'report-agent', podSelector: { matchLabels: { app: 'report' } } },
    databaseRef: { name: 'orders' },
    reason: 'Q3 report',
    duration: '30m',
    permissions: [{ operations: ['Select'], relations: ['public.orders'], maxAffectedRows: 10 }],
    limits: { rowsPerStatement: 1000, bytesPerStatement: '10Mi', statementTimeout: '30s' },
  },
}
const login = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'orders-login', namespace: 'agents' },
  stringData: { username: 'agent', password: '' },
}
const ca = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'orders-ca', namespace: 'agents' },
  data: { 'ca.crt': Buffer.from('PEM').toString('base64') },
}
const policy = {
  apiVersion,
  kind: 'AccessPolicy',
  metadata: { name: 'hours', namespace: 'agents' },
  spec: { mode: 'Enforce', rego: 'package policy\n' },
}

const compilePolicy: CompilePolicy = ({ rego }) => {
  if (rego.includes('broken'))
    return Promise.reject(new FolderError([{ file: 'p.rego:2:1', path: '', problem: 'rego_parse_error' }]))
  return Promise.resolve({ digest: digestOfBytes(rego), wasm: Buffer.from(rego), volatile: false })
}

let dir = ''
let store: BundleStore
let nowMs = 1_767_323_045_000
let stop = new AbortController()
const clock = { now: () => nowMs, monotonic: () => performance.now() }

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'folder-'))
  nowMs = 1_767_323_045_000
  store = new BundleStore({ clock })
  stop = new AbortController()
  put('database.yaml', database)
  put('secrets.yaml', login, ca)
})
afterEach(() => {
  stop.abort()
  rmSync(dir, { recursive: true })
})

describe('watchFolder', () => {
  it('puts into the store what a controller would send', async () => {
    put('grant.json', grant)
    put('policy.yml', policy)
    await start()
    expect(store.current()).toMatchObject({
      kind: 'Snapshot',
      subject: { namespace: 'agents', serviceAccount: 'report-agent' },
      databases: [
        {
          name: 'orders',
          port: 5432,
          tls: { mode: 'VerifyFull', ca: 'PEM' },
          credentials: { username: 'agent', password: '' },
          sensitive: [
            { column: 'public.customers.email', class: 'PII', mask: 'Partial' },
            { column: 'public.customers.ssn', class: 'PII', mask: 'Partial' },
          ],
          audit: { durability: 'Process', literals: 'Redacted' },
        },
      ],
      grants: [
        {
          name: 'report',
          database: { namespace: 'agents', name: 'orders' },
          activatedAtMs: nowMs,
          expiresAtMs: nowMs + 1_800_000,
          catalog: 'Introspect',
          limits: { rowsPerStatement: 1000, bytesPerStatement: 10 << 20, statementTimeoutMs: 30_000 },
        },
      ],
      policies: [{ kind: 'AccessPolicy', namespace: 'agents', name: 'hours', mode: 'Enforce' }],
    })
    expect(store.policies()).toHaveLength(1)
    expect(Buffer.from(store.current()?.databases[0]?.hashKey ?? '', 'base64')).toHaveLength(32)
  })

  it('gives no credentials where no grant is in force', async () => {
    await start()
    expect(store.current()?.databases[0]?.credentials).toBeNull()
  })

  it('leaves out the grants of others', async () => {
    put('a.yaml', { ...grant, spec: { ...grant.spec, subject: { serviceAccountName: 'somebody-else' } } })
    await start()
    expect(store.current()?.grants).toEqual([])
  })

  it('puts objects without a namespace in that of the subject, and reads Lists', async () => {
    const bare = { ...grant, metadata: { name: 'report' } }
    put('list.yaml', { apiVersion: 'v1', kind: 'List', items: [bare] })
    await start()
    expect(store.current()?.grants).toMatchObject([{ namespace: 'agents', name: 'report' }])
  })

  it('waits for notBefore and ends at notAfter', async () => {
    const notBefore = new Date(nowMs + 1000).toISOString()
    const notAfter = new Date(nowMs + 5000).toISOString()
    put('grant.yaml', { ...grant, spec: { ...grant.spec, notBefore, notAfter } })
    await start()
    expect(store.current()?.grants).toEqual([])
    nowMs += 1000
    const active = await inForce((snapshot) => snapshot.grants.length === 1)
    expect(active.grants[0]).toMatchObject({ activatedAtMs: nowMs, expiresAtMs: nowMs + 4000 })
    nowMs += 4000
    await inForce((snapshot) => snapshot.grants.length === 0)
  })

  it.each([
    { name: 'a deleted manifest', change: () => unlinkSync(join(dir, 'grant.yaml')) },
    { name: 'a manifest moved away', change: () => renameSync(join(dir, 'grant.yaml'), join(dir, 'grant.txt')) },
    { name: 'an emptied manifest', change: () => writeFileSync(join(dir, 'grant.yaml'), '') },
  ])('ends a grant within 250 ms of $name', async ({ change }) => {
    put('grant.yaml', grant)
    await start()
    const ended = inForce((snapshot) => snapshot.grants.length === 0)
    const changedMs = performance.now()
    change()
    await ended
    expect(performance.now() - changedMs).toBeLessThan(250)
  })

  it('does not start a grant again that ended and comes back unchanged, but a changed one', async () => {
    put('grant.yaml', grant)
    await start()
    unlinkSync(join(dir, 'grant.yaml'))
    await inForce((snapshot) => snapshot.grants.length === 0)
    put('grant.yaml', grant)
    put('other.yaml', { ...grant, metadata: { name: 'other', namespace: 'agents' } })
    const back = await inForce((snapshot) => snapshot.grants.length > 0)
    expect(back.grants.map(({ name }) => name)).toEqual(['other'])
    put('grant.yaml', { ...grant, spec: { ...grant.spec, reason: 'asked again' } })
    await inForce((snapshot) => snapshot.grants.length === 2)
  })

  it('keeps the activation of a grant when something else changes', async () => {
    put('grant.yaml', grant)
    await start()
    const first = store.current()?.grants[0]
    nowMs += 60_000
    put('policy.yaml', policy)
    await inForce((snapshot) => snapshot.policies.length === 1)
    expect(store.current()?.grants[0]).toEqual(first)
  })

  it('keeps the last good state when a manifest turns bad, and goes on when it is mended', async () => {
    put('grant.yaml', grant)
    const errors: unknown[] = []
    await start({ log: pino({ level: 'error' }, { write: (line) => errors.push(line) }) })
    writeFileSync(join(dir, 'grant.yaml'), 'kind: [')
    while (errors.length === 0) await new Promise((resolve) => setImmediate(resolve))
    expect(store.current()?.grants).toHaveLength(1)
    put('grant.yaml', { ...grant, spec: { ...grant.spec, reason: 'mended' } })
    await inForce((snapshot) => snapshot.grants[0]?.reason === 'mended')
  })

  it('never grows stale', async () => {
    const impatient = new BundleStore({ clock, maxStaleMs: 150 })
    await start({ store: impatient })
    const untilMs = performance.now() + 400
    while (performance.now() < untilMs) {
      await new Promise((resolve) => setTimeout(resolve, 10))
      expect(impatient.isStale()).toBe(false)
    }
  })
})

describe('a folder that cannot be used', () => {
  it.each([
    { name: 'something that is no YAML', file: 'x.yaml', text: 'a: 1\nb: [', says: /^x\.yaml:2:\d+: / },
    {
      name: 'a document that is no object',
      file: 'x.yaml',
      text: '- 1\n',
      says: 'x.yaml: a manifest must be an object',
    },
    {
      name: 'another kind',
      file: 'x.yaml',
      text: stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' } }),
      says: /x\.yaml: v1 Pod means nothing here/,
    },
    {
      name: 'another version',
      file: 'x.yaml',
      text: stringify({ ...grant, apiVersion: 'sallyport.dev/v1' }),
      says: /means nothing here/,
    },
    {
      name: 'no name',
      file: 'x.yaml',
      text: stringify({ ...grant, metadata: {} }),
      says: 'x.yaml: metadata.name must be given',
    },
    {
      name: 'the same object twice',
      file: 'x.yaml',
      text: stringify(database),
      says: 'x.yaml: metadata.name: Database agents/orders is in database.yaml, too',
    },
    {
      name: 'a grant for an unknown Database',
      file: 'x.yaml',
      text: stringify({ ...grant, spec: { ...grant.spec, databaseRef: { name: 'x' } } }),
      says: 'x.yaml: spec.databaseRef: there is no Database agents/x in the folder',
    },
    {
      name: 'a grant that is too long',
      file: 'x.yaml',
      text: stringify({ ...grant, spec: { ...grant.spec, duration: '9h' } }),
      says: 'x.yaml: spec.duration: the Database allows grants of at most 8h',
    },
    {
      name: 'a grant that wants approval',
      file: 'x.yaml',
      text: stringify({ ...grant, spec: { ...grant.spec, approval: { required: 1 } } }),
      says: /^x\.yaml: spec\.approval\.required: /,
    },
    {
      name: 'a grant that names no policy',
      file: 'x.yaml',
      text: stringify({ ...grant, spec: { ...grant.spec, policyRefs: [{ name: 'p' }] } }),
      says: 'x.yaml: spec.policyRefs[0].name: there is no AccessPolicy agents/p in the folder',
    },
    {
      name: 'a Secret that is gone',
      file: 'secrets.yaml',
      text: stringify(login),
      says: 'database.yaml: spec.tls.caSecretRef: there is no Secret agents/orders-ca in the folder',
    },
    {
      name: 'a Secret without a key',
      file: 'secrets.yaml',
      text: `${stringify({ ...login, stringData: {} })}---\n${stringify(ca)}`,
      says: /Secret orders-login has no key username\n.*Secret orders-login has no key password/,
    },
    {
      name: 'a Secret that is no base64',
      file: 'x.yaml',
      text: stringify({ ...login, metadata: { name: 'x' }, data: { a: '%' } }),
      says: 'x.yaml: data.a: must be base64',
    },
    {
      name: 'two Databases on one port',
      file: 'x.yaml',
      text: stringify({ ...database, metadata: { name: 'second', namespace: 'agents' } }),
      says: 'x.yaml: spec.localPort: Database agents/orders listens on 15432, too',
    },
    {
      name: 'a Database this release cannot serve',
      file: 'database.yaml',
      text: stringify({ ...database, spec: { ...database.spec, engine: 'MySQL' } }),
      says: /^database\.yaml: spec\.engine: /,
    },
    {
      name: 'a grant without an end',
      file: 'x.yaml',
      text: stringify({ ...grant, spec: { ...grant.spec, duration: undefined } }),
      says: 'x.yaml: spec: must be limited in time: give duration or notAfter',
    },
    {
      name: 'a misspelt limit',
      file: 'x.yaml',
      text: stringify({ ...grant, spec: { ...grant.spec, limits: { rowsPerStatment: 1 } } }),
      says: 'x.yaml: spec.limits.rowsPerStatment: must be absent: nothing here knows this field',
    },
    {
      name: 'a relation that is a pattern',
      file: 'x.yaml',
      text: stringify({
        ...grant,
        spec: { ...grant.spec, permissions: [{ operations: ['Select'], relations: ['*'] }] },
      }),
      says: 'x.yaml: spec.permissions[0].relations[0]: must be schema.table or schema.*',
    },
    {
      name: 'an operation nobody knows',
      file: 'x.yaml',
      text: stringify({
        ...grant,
        spec: { ...grant.spec, permissions: [{ operations: ['Read'], relations: ['a.b'] }] },
      }),
      says: /^x\.yaml: spec\.permissions\[0\]\.operations\[0\]: must be one of Select, /,
    },
    {
      name: 'a manifest without a spec',
      file: 'x.yaml',
      text: stringify({ apiVersion, kind: 'AccessPolicy', metadata: { name: 'p' } }),
      says: 'x.yaml: spec: must be given',
    },
    {
      name: 'a policy that does not compile',
      file: 'x.yaml',
      text: stringify({ ...policy, spec: { rego: 'broken' } }),
      says: 'x.yaml: spec.rego: p.rego:2:1: rego_parse_error',
    },
  ])('is refused for $name, naming file, path and problem', async ({ file, text, says }) => {
    writeFileSync(join(dir, file), text)
    const refusal = start()
    await expect(refusal).rejects.toThrow(FolderError)
    await expect(refusal).rejects.toThrow(says)
    expect(store.current()).toBeNull()
  })

  it('is refused with everything that is wrong, in every file', async () => {
    put('a.yaml', { ...grant, spec: { ...grant.spec, duration: '9h', approval: { required: 2 } } })
    put('b.yaml', { ...grant, metadata: { name: 'b' }, spec: { ...grant.spec, databaseRef: { name: 'x' } } })
    await expect(start()).rejects.toMatchObject({
      problems: [
        { file: 'a.yaml', path: 'spec.duration' },
        { file: 'a.yaml', path: 'spec.approval.required' },
        { file: 'b.yaml', path: 'spec.databaseRef' },
      ],
    })
  })

  it('is refused when it is not there', async () => {
    await expect(start({ dir: join(dir, 'none') })).rejects.toThrow(FolderError)
  })

  it('is refused for policies where there is no compiler', async () => {
    put('policy.yaml', policy)
    await expect(start({ compilePolicy: undefined })).rejects.toThrow(FolderError)
  })
})

function start(options: Partial<FolderOptions> = {}): Promise<void> {
  const subject = { namespace: 'agents', serviceAccount: 'report-agent' }
  return watchFolder({ dir, subject, store, compilePolicy, clock, log, signal: stop.signal, ...options })
}

/** Writes beside and renames, as everybody does who writes to a watched folder. */
function put(name: string, ...objects: readonly unknown[]): void {
  const beside = join(dir, `.${name}.tmp`)
  writeFileSync(beside, objects.map((object) => stringify(object)).join('---\n'))
  renameSync(beside, join(dir, name))
}

function inForce(matches: (snapshot: Snapshot) => boolean): Promise<Snapshot> {
  return new Promise((resolve) => {
    const look = (): void => {
      const current = store.current()
      if (current && matches(current)) resolve(current)
    }
    store.subscribe(look)
    look()
  })
}
