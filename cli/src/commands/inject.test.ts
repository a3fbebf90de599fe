import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseAllDocuments, stringify } from 'yaml'
import { invoke } from '../testing/invoke.ts'

interface Shown {
  readonly kind: string
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> }
  readonly spec: { readonly template?: Shown; readonly initContainers?: readonly { readonly name: string; readonly args: readonly string[] }[] } // prettier-ignore
}

const securityContext = { runAsUser: 1000, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }
const pod = (spec: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'agent' },
  spec: { containers: [{ name: 'app', image: 'app', securityContext }], ...spec },
})
const { metadata, spec } = pod() as Shown
const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { template: { metadata: {}, spec } } }

let dir = ''

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'sallyport-inject-'))
  const database = {
    apiVersion: 'sallyport.dev/v1alpha1',
    kind: 'Database',
    metadata: { name: 'orders' },
    spec: {
      engine: 'PostgreSQL',
      host: 'orders-db.prod.svc',
      localPort: 15_432,
      databases: ['shop'],
      credentials: { static: { secretRef: { name: 'login' } } },
    },
  }
  writeFileSync(join(dir, 'database.yaml'), stringify(database))
})

afterAll(() => rmSync(dir, { recursive: true }))

const inject = (objects: readonly object[], ...flags: readonly string[]) =>
  invoke.with({ stdin: objects.map((object) => stringify(object)).join('---\n') })(
    'inject',
    '-f',
    '-',
    '--databases',
    dir,
    '-n',
    'agents',
    ...flags,
  )
const parse = (text: string): readonly Shown[] => parseAllDocuments(text).map((document) => document.toJS() as Shown)

describe('sallyport inject', () => {
  it('prints pods and workloads with the sidecar in them, and the rest as it is', async () => {
    const { code, stdout, stderr } = await inject([pod(), deployment, { kind: 'ConfigMap', metadata: {}, data: {} }])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const [single, workload, other] = parse(stdout)
    expect(single?.spec.initContainers?.map(({ name }) => name)).toEqual(['sallyport'])
    expect(single?.spec.initContainers?.[0]?.args).toContain('--listen=agents/orders=127.20.0.1:5432')
    expect(workload?.spec.template?.spec.initContainers?.map(({ name }) => name)).toEqual(['sallyport'])
    expect(other).toEqual({ kind: 'ConfigMap', metadata: {}, data: {} })
  })

  it('shows Redirect as the namespace would ask for it', async () => {
    const { stdout } = await inject([pod()], '--interception=Redirect', '--redirect-image=mine:1')
    const [shown] = parse(stdout)
    expect(shown?.spec.initContainers?.map(({ name }) => name)).toEqual(['sallyport-redirect', 'sallyport-probe', 'sallyport']) // prettier-ignore
    expect(shown?.spec.initContainers?.[0]).toMatchObject({ image: 'mine:1' })
    expect(shown?.spec.initContainers?.[0]?.args).toContain('--database=agents/orders=orders-db.prod.svc:5432=15910')
  })

  it('seals nothing: only the webhook can', async () => {
    const [shown] = parse((await inject([pod()])).stdout)
    expect(Object.keys(shown?.metadata.annotations ?? {})).toEqual(['sallyport.dev/injected', 'sallyport.dev/interception']) // prettier-ignore
  })

  it('says what would be refused, where it is and by which word, and prints the others', async () => {
    const open = { containers: [{ name: 'app', image: 'app' }], hostNetwork: true }
    const { code, stdout, stderr } = await inject([pod(open), deployment], '--interception=Redirect')
    expect(code).toBe(1)
    expect(stderr).toContain('pod-refused: spec.hostNetwork: must be false')
    expect(stderr).toContain('(user-unset)')
    expect(parse(stdout).map(({ kind }) => kind)).toEqual(['Deployment'])
  })

  it('takes no interception that it does not know', async () => {
    const { code, stderr } = await inject([pod()], '--interception=Off')
    expect(code).toBe(2)
    expect(stderr).toContain('Allowed choices are Local, Redirect')
  })
})
