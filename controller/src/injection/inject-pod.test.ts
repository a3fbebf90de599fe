import { describe, expect, it } from 'vitest'
import { injectPod, type Injection } from './inject-pod.ts'
import { ephemeralProblems, injectionReasons } from './pod-problems.ts'
import { parsePod, type Pod } from './pod.ts'
import { hostAliases, loopbackAddresses, type InjectionDatabase } from './sidecar-container.ts'

const settings = { image: 'sidecar:1', controllerUrl: 'https://controller:8443', caBundle: 'PEM' }
const orders: InjectionDatabase = { namespace: 'agents', name: 'orders', host: 'orders-db.prod.svc', port: 5432, localPort: 15432 } // prettier-ignore
const databases = [orders]

function pod(metadata: object, spec: object): Pod {
  const parsed = parsePod({ metadata, spec: { containers: [{ name: 'app', image: 'app' }], ...spec } })
  if (!parsed) throw new Error('not a pod')
  return parsed
}

function injected(of: Pod): Extract<Injection, { kind: 'Inject' }> {
  const result = injectPod(of, databases, settings)
  if (result.kind !== 'Inject') throw new Error(JSON.stringify(result))
  return result
}

describe('injectPod', () => {
  it('puts a native sidecar before every other container', () => {
    const { spec } = injected(pod({}, { initContainers: [{ name: 'migrate' }] })).pod
    expect(spec.initContainers?.map(({ name }) => name)).toEqual(['sallyport', 'migrate'])
    expect(spec.initContainers?.[0]).toMatchObject({
      restartPolicy: 'Always',
      image: 'sidecar:1',
      securityContext: { runAsUser: 5555, runAsNonRoot: true, readOnlyRootFilesystem: true },
    })
    expect(spec.initContainers?.[0]?.args).toContain('--listen=agents/orders=127.20.0.1:5432')
  })

  it('sends the host name of the database to the sidecar and mounts the token nowhere else', () => {
    const { spec } = injected(pod({}, { hostAliases: [{ ip: '10.0.0.1', hostnames: ['other'] }] })).pod
    expect(spec.hostAliases).toEqual([
      { ip: '10.0.0.1', hostnames: ['other'] },
      { ip: '127.20.0.1', hostnames: ['orders-db.prod.svc'] },
    ])
    expect(spec.volumes?.map(({ name }) => name)).toEqual(['sallyport-token', 'sallyport-spool'])
    expect(spec.containers[0]?.volumeMounts).toBeUndefined()
  })

  it('leaves what it has injected as it is', () => {
    const once = injected(pod({}, {})).pod
    expect(injectPod(once, databases, settings)).toEqual({ kind: 'Skip', reason: 'already-injected' })
  })

  it('takes what the API server adds for its own', () => {
    const once = injected(pod({}, {})).pod
    const [ours] = once.spec.initContainers ?? []
    if (!ours) throw new Error('nothing injected')
    const mounts = [...(ours.volumeMounts ?? []), { name: 'kube-api-access-x', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }] // prettier-ignore
    const more = { ...ours, imagePullPolicy: 'IfNotPresent', terminationMessagePath: '/dev/x', volumeMounts: mounts }
    const defaulted = { ...once, spec: { ...once.spec, initContainers: [more] } }
    expect(injectPod(defaulted, databases, settings).kind).toBe('Skip')
  })

  it.each<[string, (ours: Pod['spec']['containers'][number]) => object]>([
    ['another image', (ours) => ({ ...ours, image: 'evil' })],
    ['one more argument', (ours) => ({ ...ours, args: [...(ours.args as string[]), '--use-hosts-file'] })],
    ['one more variable', (ours) => ({ ...ours, env: [...(ours.env as object[]), { name: 'NODE_OPTIONS', value: '-r x' }] })], // prettier-ignore
    ['variables from elsewhere', (ours) => ({ ...ours, envFrom: [{ configMapRef: { name: 'x' } }] })],
    ['a hook', (ours) => ({ ...ours, lifecycle: { postStart: { exec: { command: ['sh'] } } } })],
    ['one more mount', (ours) => ({ ...ours, volumeMounts: [...(ours.volumeMounts ?? []), { name: 'x', mountPath: '/app' }] })], // prettier-ignore
  ])('refuses a copy of its sidecar with %s', (_name, change) => {
    const once = injected(pod({}, {})).pod
    const [ours] = once.spec.initContainers ?? []
    if (!ours) throw new Error('nothing injected')
    const copy = parsePod({ ...once, spec: { ...once.spec, initContainers: [change(ours)] } })
    expect(copy && injectPod(copy, databases, settings)).toMatchObject({ kind: 'Refuse' })
  })

  it('refuses an application that mounts the token of a sidecar that is there already', () => {
    const once = injected(pod({}, {})).pod
    const app = { name: 'app', volumeMounts: [{ name: 'sallyport-token', mountPath: '/t' }] }
    expect(injectPod({ ...once, spec: { ...once.spec, containers: [app] } }, databases, settings)).toMatchObject({
      problems: [{ reason: 'volume-name-taken', path: 'spec.containers[0].volumeMounts[0].name' }],
    })
  })

  it('leaves mirror pods alone', () => {
    const mirror = pod({ annotations: { 'kubernetes.io/config.mirror': 'x' } }, { hostNetwork: true })
    expect(injectPod(mirror, databases, settings)).toEqual({ kind: 'Skip', reason: 'mirror-pod' })
  })

  const app = (fields: object): object => ({ containers: [{ name: 'app', ...fields }] })
  const refused: [string, string, Pod][] = [
    ['inject-label-unknown', 'metadata.labels["sallyport.dev/inject"]', pod({ labels: { 'sallyport.dev/inject': 'disabled' } }, {})], // prettier-ignore
    ['interception-unknown', 'metadata.annotations["sallyport.dev/interception"]', pod({ annotations: { 'sallyport.dev/interception': 'Redirect' } }, {})], // prettier-ignore
    ['host-network', 'spec.hostNetwork', pod({}, { hostNetwork: true })],
    ['host-pid', 'spec.hostPID', pod({}, { hostPID: true })],
    ['shared-process-namespace', 'spec.shareProcessNamespace', pod({}, { shareProcessNamespace: true })],
    ['windows', 'spec.os.name', pod({}, { os: { name: 'windows' } })],
    ['uid-taken', 'spec.securityContext.runAsUser', pod({}, { securityContext: { runAsUser: 5555 } })],
    ['uid-taken', 'spec.containers[0].securityContext.runAsUser', pod({}, app({ securityContext: { runAsUser: 5555 } }))], // prettier-ignore
    ['host-alias-taken', 'spec.hostAliases[0]', pod({}, { hostAliases: [{ ip: '10.0.0.9', hostnames: ['ORDERS-db.prod.svc'] }] })], // prettier-ignore
    ['volume-name-taken', 'spec.volumes[0].name', pod({}, { volumes: [{ name: 'sallyport-spool', emptyDir: {} }] })],
    ['volume-name-taken', 'spec.containers[0].volumeDevices[0].name', pod({}, app({ volumeDevices: [{ name: 'sallyport-x' }] }))], // prettier-ignore
    ['token-audience-taken', 'spec.volumes[0].projected.sources[0].serviceAccountToken.audience', pod({}, { volumes: [{ name: 't', projected: { sources: [{ serviceAccountToken: { audience: 'sallyport.dev' } }] } }] })], // prettier-ignore
    ['container-name-taken', 'spec.initContainers[0].name', pod({}, { initContainers: [{ name: 'sallyport', image: 'evil' }] })], // prettier-ignore
    ['port-taken', 'spec.containers[0].ports[0].containerPort', pod({}, app({ ports: [{ containerPort: 15_901 }] }))],
    ['port-taken', 'spec.containers[0].ports[0].containerPort', pod({}, app({ ports: [{ containerPort: 15_432 }] }))],
  ]

  it.each(refused)('refuses with %s at %s', (reason, path, subject) => {
    const result = injectPod(subject, databases, settings)
    expect(result).toMatchObject({ kind: 'Refuse', problems: [{ reason, path }] })
  })

  it('has a case above for every reason', () => {
    expect([...new Set(refused.map(([reason]) => reason))].sort()).toEqual([...injectionReasons].sort())
  })

  it('says everything that is wrong at once', () => {
    const result = injectPod(pod({}, { hostNetwork: true, hostPID: true }), databases, settings)
    expect(result.kind === 'Refuse' && result.problems.map(({ reason }) => reason)).toEqual(['host-network', 'host-pid']) // prettier-ignore
  })
})

describe('loopbackAddresses', () => {
  it('gives each host one, the same in every pod, and none to an IP address', () => {
    const named = (name: string, host: string, port = 5432): InjectionDatabase => ({ ...orders, name, host, port })
    const found = loopbackAddresses([named('c', 'b.svc'), named('b', '10.0.0.1'), named('a', 'a.svc'), named('d', 'a.svc', 6432), named('e', 'a.svc')]) // prettier-ignore
    expect(found.map(({ database, address }) => [database.name, address])).toEqual([
      ['a', '127.20.0.1'],
      ['c', '127.20.0.2'],
      ['d', '127.20.0.1'],
    ])
    expect(hostAliases(found)).toEqual([
      { ip: '127.20.0.1', hostnames: ['a.svc'] },
      { ip: '127.20.0.2', hostnames: ['b.svc'] },
    ])
  })

  it('never gives two hosts the same address, nor one that ends in 0 or 255', () => {
    const many = Array.from({ length: 2000 }, (_, index) => ({ ...orders, name: `d${index}`, host: `h${index}.svc` }))
    const addresses = loopbackAddresses(many).map(({ address }) => address)
    expect(new Set(addresses).size).toBe(2000)
    expect(addresses.filter((address) => /\.(0|255)$/.test(address))).toEqual([])
  })
})

describe('ephemeralProblems', () => {
  it('keeps debuggers out of the sidecar, its volumes and its user', () => {
    const debug = (fields: object): Pod => pod({}, { ephemeralContainers: [{ name: 'debug', ...fields }] })
    expect(ephemeralProblems(debug({ targetContainerName: 'app' }))).toEqual([])
    const reasons = (of: Pod): string[] => ephemeralProblems(of).map(({ reason }) => reason)
    expect(reasons(debug({ targetContainerName: 'sallyport' }))).toEqual(['shared-process-namespace'])
    expect(reasons(debug({ volumeMounts: [{ name: 'sallyport-token' }] }))).toEqual(['volume-name-taken'])
    expect(reasons(debug({ securityContext: { runAsUser: 5555 } }))).toEqual(['uid-taken'])
  })
})
