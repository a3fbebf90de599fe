import { mkdtempSync, mkdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../rig/free-port.ts'
import { start, until, type Started } from '../rig/process.ts'
import type { FixtureServer } from './fixture-server.ts'
import type { CorpusRecord } from './record.ts'
import { rowCap, statementTimeoutS } from './verdict.ts'
import type { ClientOptions } from './wire-client.ts'

export type GrantKind = CorpusRecord['grant'] | 'dump' | 'total'

/** Where the agent's sessions of a case go. */
export interface Target {
  readonly address: ClientOptions['address']
  readonly user: string
  /** The login the server sees. */
  readonly serverUser: string
  /** Ends the grant in the middle of a session. */
  readonly revoke: () => Promise<void>
  /** Why the gateway is broken; empty: it is not. */
  readonly crash: () => Promise<string>
}

export interface Lane {
  readonly target: (grant: GrantKind, runAs: string) => Promise<Target>
  /** After each case: a grant that was revoked or used up never comes back. */
  readonly afterCase: (grant: GrantKind, runAs: string) => Promise<void>
  /** Statement records in the audit files so far. */
  readonly auditRecords: () => number
  readonly stop: () => Promise<void>
}

/** Straight to the server as the role the attack was proven with. */
export function directLane({ postgres }: FixtureServer): Lane {
  const address = { path: join(postgres.socketDir, `.s.PGSQL.${postgres.port}`) }
  const nothing = (): Promise<void> => Promise.resolve()
  return {
    target: (_grant, runAs) =>
      Promise.resolve({ address, user: runAs, serverUser: runAs, revoke: nothing, crash: () => Promise.resolve('') }),
    afterCase: nothing,
    auditRecords: () => 0,
    stop: nothing,
  }
}

interface Gateway {
  readonly dir: string
  readonly target: Target
  readonly process: Started
  spent: boolean
  serial: number
}

/** Through a standalone sidecar for each grant and login, under the manifests of {@link grantManifest}. */
export function sallyportLane({ postgres }: FixtureServer): Lane {
  const base = mkdtempSync(join(tmpdir(), 'sallyport-corpus-'))
  const gateways = new Map<string, Gateway>()
  let retired = 0
  const open = async (grant: GrantKind, runAs: string, serial: number): Promise<Gateway> => {
    const dir = join(base, `${grant}-${runAs}-${serial}`)
    const port = await freePort()
    mkdirSync(join(dir, 'manifests'), { recursive: true })
    const write = (name: string, object: object): void => {
      writeFileSync(join(dir, name), JSON.stringify(object))
      renameSync(join(dir, name), join(dir, 'manifests', name))
    }
    write('secret.json', secretManifest(runAs))
    write('database.json', databaseManifest(postgres.port, port, grant === 'masked'))
    write('grant.json', grantManifest(grant, serial))
    const command = join(import.meta.dirname, '../../cli/bin/sallyport')
    const args = ['sidecar', '--standalone', join(dir, 'manifests'), '--subject', 'agents/corpus', '--audit', join(dir, 'audit.jsonl')] // prettier-ignore
    const child = start(command, args)
    await until(() => isListening(port), 'the sidecar', { process: child })
    const gateway: Gateway = {
      dir,
      process: child,
      spent: grant === 'total',
      serial,
      target: {
        address: { host: '127.0.0.1', port },
        user: 'agent',
        serverUser: runAs,
        revoke: async () => {
          gateway.spent = true
          unlinkSync(join(dir, 'manifests/grant.json'))
          await delay(500)
        },
        crash: async () => {
          const { exitCode, signalCode } = child.child
          if (exitCode !== null || signalCode !== null) return `the sidecar exited: ${child.log().slice(-200)}`
          return (await isListening(port)) ? '' : 'the sidecar accepts no connections any more'
        },
      },
    }
    return gateway
  }
  const count = ({ dir }: Gateway): number => readFileSync(join(dir, 'audit.jsonl'), 'utf8').split('\n').filter((line) => line.includes('"statement":')).length // prettier-ignore
  const retire = async (key: string, gateway: Gateway): Promise<void> => {
    gateways.delete(key)
    await gateway.process.stop()
    retired += count(gateway)
  }
  return {
    target: async (grant, runAs) => {
      const key = `${grant}/${runAs}`
      const known = gateways.get(key)
      if (known && known.process.child.exitCode === null) return known.target
      const gateway = await open(grant, runAs, (known?.serial ?? 0) + serials++)
      gateways.set(key, gateway)
      return gateway.target
    },
    afterCase: async (grant, runAs) => {
      const key = `${grant}/${runAs}`
      const gateway = gateways.get(key)
      if (gateway && (gateway.spent || (await gateway.target.crash()) !== '')) await retire(key, gateway)
    },
    auditRecords: () => retired,
    stop: async () => {
      for (const [key, gateway] of gateways) await retire(key, gateway)
      rmSync(base, { recursive: true, force: true })
    },
  }
}

let serials = 0

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

const apiVersion = 'sallyport.dev/v1alpha1'
const meta = (name: string): object => ({ name, namespace: 'agents' })

function secretManifest(runAs: string): object {
  const stringData = { username: runAs, password: `fixture-${runAs}` }
  return { apiVersion: 'v1', kind: 'Secret', metadata: meta('shop-login'), type: 'Opaque', stringData }
}

const sensitive: readonly (readonly [string, 'Redact' | 'Null'])[] = [
  ['customers.email', 'Redact'],
  ['customers.phone', 'Redact'],
  ['customers.ssn', 'Redact'],
  ['customers.date_of_birth', 'Null'],
  ['payments.card_number', 'Redact'],
  ['employees.salary', 'Null'],
  ['employees.ssn', 'Redact'],
]

function databaseManifest(port: number, localPort: number, isMasked: boolean): object {
  const masks = (['Null', 'Redact'] as const).map((mask) => ({
    columns: sensitive.filter(([, one]) => one === mask).map(([column]) => `public.${column}`),
    class: 'PII',
    mask,
  }))
  const spec = {
    engine: 'PostgreSQL',
    host: '127.0.0.1',
    port,
    localPort,
    databases: ['shop'],
    tls: { mode: 'Disable' },
    credentials: { static: { secretRef: { name: 'shop-login' } } },
    limits: { maxGrantDuration: '8h' },
    ...(isMasked ? { sensitive: masks } : {}),
  }
  return { apiVersion, kind: 'Database', metadata: meta('shop'), spec }
}

const tables = ['customers', 'orders', 'payments', 'audit_log', 'employees', 'support_tickets', 'discount_rules']

/** Bytes a result may have: low for reading, since one value may hold a whole table. */
const byteCap: Readonly<Record<GrantKind, string>> = {
  'read-only': '5Ki',
  total: '16Ki',
  'read-write-no-ddl': '64Ki',
  masked: '64Ki',
  dump: '64Ki',
}

function grantManifest(grant: GrantKind, serial: number): object {
  const everything = ['public.*']
  const writes = { operations: ['Insert', 'Update', 'Delete', 'Merge'], relations: tables.map((table) => `public.${table}`), maxAffectedRows: rowCap } // prettier-ignore
  const copyIn = { operations: ['CopyIn'], relations: ['public.support_tickets'], maxAffectedRows: rowCap }
  const copyOut = { operations: ['CopyOut'], relations: everything }
  const isWriting = grant === 'read-write-no-ddl' || grant === 'dump'
  const permissions = [
    { operations: ['Select'], relations: everything },
    ...(isWriting ? [writes, copyIn] : []),
    ...(grant === 'dump' ? [copyOut] : []),
    ...(grant === 'masked' ? [writes, copyOut] : []),
  ]
  const limits = {
    rowsPerStatement: grant === 'dump' ? 100_000 : rowCap,
    bytesPerStatement: byteCap[grant],
    statementTimeout: isWriting ? '10s' : `${statementTimeoutS}s`,
    connections: 16,
    ...(grant === 'total' ? { rowsTotal: rowCap } : {}),
  }
  const spec = {
    subject: { serviceAccountName: 'corpus' },
    databaseRef: { name: 'shop' },
    reason: `corpus replay, ${grant} grant`,
    duration: '1h',
    permissions,
    catalog: grant === 'dump' ? 'Dump' : 'Introspect',
    limits,
  }
  return { apiVersion, kind: 'AccessGrant', metadata: meta(`corpus-${serial}`), spec }
}
