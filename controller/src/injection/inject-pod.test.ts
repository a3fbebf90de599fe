import { describe, expect, it } from 'vitest'
import type { InjectionDatabase } from './databases.ts'
import { injectPod, type Injection } from './inject-pod.ts'
import { omit } from './omit.ts'
import { parsePod, type Container, type Pod } from './pod.ts'
import { sealKeyOf } from './seal.ts'
import type { InjectionPlace, InjectionSettings } from './settings.ts'

const sealKey = sealKeyOf(Buffer.alloc(32, 1))
const settings: InjectionSettings = { image: 'sidecar:1', redirectImage: 'redirect:1', controllerUrl: 'https://controller:8443', caBundle: 'PEM', sealKey } // prettier-ignore
const orders: InjectionDatabase = { namespace: 'agents', name: 'orders', host: 'orders-db.prod.svc', port: 5432, localPort: 15432 } // prettier-ignore
const place: InjectionPlace = { namespace: 'agents', databases: [orders] }
const redirecting: InjectionPlace = { ...place, interception: 'Redirect' }
const restricted = { runAsUser: 1000, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }

function pod(metadata: object, spec: object): Pod {
  const parsed = parsePod({ metadata, spec: { containers: [{ name: 'app', image: 'app' }], ...spec } })
  if (!parsed) throw new Error('not a pod')
  return parsed
}

const restrictedPod = (spec: object = {}): Pod =>
  pod({}, { containers: [{ name: 'app', image: 'app', securityContext: restricted }], ...spec })

function injected(of: Pod, where = place, what = settings): Extract<Injection, { kind: 'Inject' }> {
  const result = injectPod(of, where, what)
  if (result.kind !== 'Inject') throw new Error(JSON.stringify(result))
  return result
}

const initNames = ({ spec }: Pod): readonly string[] => (spec.initContainers ?? []).map(({ name }) => name)

/** The pod with its containers, or those of ours, changed. */
function changed({ metadata, spec }: Pod, change: (container: Container) => object): Pod {
  const copy = parsePod({ metadata, spec: { ...spec, initContainers: (spec.initContainers ?? []).map(change) } })
  if (!copy) throw new Error('not a pod')
  return copy
}

describe('injectPod, Local', () => {
  it('puts a native sidecar before every other container', () => {
    const { spec } = injected(pod({}, { initContainers: [{ name: 'migrate' }] })).pod
    expect(spec.initContainers?.map(({ name }) => name)).toEqual(['sallyport', 'migrate'])
    expect(spec.initContainers?.[0]).toMatchObject({
      restartPolicy: 'Always',
      image: 'sidecar:1',
      securityContext: { runAsUser: 5555, runAsNonRoot: true, readOnlyRootFilesystem: true },
    })
    expect(spec.initContainers?.[0]?.args).toEqual([
      '--controller-url=https://controller:8443',
      '--token-file=/var/run/sallyport/token',
      '--spool-dir=/var/lib/sallyport/spool',
      '--health-port=15901',
      '--drain-seconds=28',
      '--interception=Local',
      '--listen=agents/orders=127.20.0.1:5432',
    ])
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

  it.each([
    [undefined, 28],
    [90, 88],
    [2, 0],
    [0, 0],
  ])('serves open connections until two seconds before the end of a grace of %s s', (grace, seconds) => {
    const subject = pod({}, grace === undefined ? {} : { terminationGracePeriodSeconds: grace })
    expect(injected(subject).pod.spec.initContainers?.[0]?.args).toContain(`--drain-seconds=${seconds}`)
  })

  it('tells of the mode, and seals', () => {
    const { annotations } = injected(pod({ annotations: { mine: 'x' } }, {})).pod.metadata
    expect(annotations).toMatchObject({ mine: 'x', 'sallyport.dev/injected': 'sidecar:1', 'sallyport.dev/interception': 'Local' }) // prettier-ignore
    expect(Buffer.from(annotations?.['sallyport.dev/injection'] ?? '', 'base64')).toHaveLength(32)
  })

  it('seals nothing without a key, and knows what it has put in all the same', () => {
    const open = omit(settings, ['sealKey'])
    const once = injected(pod({}, {}), place, open).pod
    expect(once.metadata.annotations).not.toHaveProperty('sallyport.dev/injection')
    expect(injectPod({ ...once, metadata: {} }, place, open)).toMatchObject({ kind: 'Inject' })
    expect(
      injectPod(
        changed(once, (ours) => ({ ...ours, image: 'evil' })),
        place,
        open,
      ).kind,
    ).toBe('Refuse')
  })
})

describe('injectPod, Redirect', () => {
  it('writes the rules first, then probes, then serves, and all before the author’s', () => {
    const { pod: whole } = injected(restrictedPod({ initContainers: [{ name: 'migrate', securityContext: restricted }] }), redirecting) // prettier-ignore
    expect(initNames(whole)).toEqual(['sallyport-redirect', 'sallyport-probe', 'sallyport', 'migrate'])
    const [redirect, probe, sidecar] = whole.spec.initContainers ?? []
    expect(redirect).toMatchObject({
      image: 'redirect:1',
      command: ['sallyport-redirect'],
      args: ['apply', '--sidecar-uid=5555', '--state-dir=/var/lib/sallyport/probe', '--database=agents/orders=orders-db.prod.svc:5432=15910'], // prettier-ignore
      securityContext: {
        runAsUser: 0,
        runAsNonRoot: false,
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'], add: ['NET_ADMIN'] },
      },
    })
    expect(redirect).not.toHaveProperty('restartPolicy')
    expect(probe).toMatchObject({
      args: ['probe', '--state-dir=/var/lib/sallyport/probe', '--interval-seconds=60'],
      restartPolicy: 'Always',
      securityContext: { runAsUser: 5556, runAsNonRoot: true, capabilities: { drop: ['ALL'] } },
    })
    expect(probe?.securityContext?.capabilities).not.toHaveProperty('add')
    expect(sidecar?.args).toEqual(
      expect.arrayContaining(['--interception=Redirect', '--probe-dir=/var/lib/sallyport/probe', '--redirect=agents/orders=15910', '--listen=agents/orders=127.20.0.1:5432']), // prettier-ignore
    )
  })

  it('shares the state of the probe among containers of ours, and token and spool with none', () => {
    const { spec } = injected(restrictedPod(), redirecting).pod
    expect(spec.volumes?.map(({ name }) => name)).toEqual(['sallyport-token', 'sallyport-spool', 'sallyport-probe'])
    const mounts = spec.initContainers?.map(({ volumeMounts = [] }) => volumeMounts.map(({ name }) => name))
    expect(mounts).toEqual([['sallyport-probe'], ['sallyport-probe'], ['sallyport-token', 'sallyport-spool', 'sallyport-probe']]) // prettier-ignore
  })

  it('writes IPv6 addresses in brackets', () => {
    const [redirect] = injected(restrictedPod(), { ...redirecting, databases: [{ ...orders, host: 'fd00::7' }] }).pod.spec.initContainers ?? [] // prettier-ignore
    expect(redirect?.args).toContain('--database=agents/orders=[fd00::7]:5432=15910')
  })

  it('is what the stricter of pod and namespace asks for', () => {
    const asks = (value: string): Pod => {
      const { spec } = restrictedPod()
      return { metadata: { annotations: { 'sallyport.dev/interception': value } }, spec }
    }
    const modeOf = (of: Pod, where: InjectionPlace): string | undefined =>
      injected(of, where).pod.metadata.annotations?.['sallyport.dev/interception']
    expect(modeOf(asks('Redirect'), place)).toBe('Redirect')
    expect(modeOf(asks('Redirect'), { ...place, interception: 'Local' })).toBe('Redirect')
    expect(modeOf(restrictedPod(), redirecting)).toBe('Redirect')
    expect(modeOf(asks('Local'), place)).toBe('Local')
    expect(injectPod(asks('Local'), redirecting, settings)).toMatchObject({ problems: [{ reason: 'interception-loosened' }] }) // prettier-ignore
  })
})

describe('injectPod, called again', () => {
  it.each([
    ['Local', pod({}, {}), place],
    ['Redirect', restrictedPod(), redirecting],
  ])('leaves what it has injected as it is (%s)', (_mode, subject, where) => {
    const once = injected(subject, where).pod
    expect(injectPod(once, where, settings)).toEqual({ kind: 'Skip', reason: 'already-injected' })
  })

  it('takes what the API server adds for its own', () => {
    const added = (ours: Container): object => {
      const mounts = [...(ours.volumeMounts ?? []), { name: 'kube-api-access-x', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }] // prettier-ignore
      return { ...ours, imagePullPolicy: 'IfNotPresent', resources: { limits: { cpu: '1' } }, volumeMounts: mounts }
    }
    expect(injectPod(changed(injected(pod({}, {})).pod, added), place, settings).kind).toBe('Skip')
  })

  const changes: [string, (ours: Container) => object][] = [
    ['another image', (ours) => ({ ...ours, image: 'evil' })],
    ['one more argument', (ours) => ({ ...ours, args: [...(ours.args as string[]), '--use-hosts-file'] })],
    ['one more variable', (ours) => ({ ...ours, env: [...(ours.env ?? []), { name: 'NODE_OPTIONS', value: '-r x' }] })],
    ['variables from elsewhere', (ours) => ({ ...ours, envFrom: [{ configMapRef: { name: 'x' } }] })],
    ['a hook', (ours) => ({ ...ours, lifecycle: { postStart: { exec: { command: ['sh'] } } } })],
    ['a field of a later Kubernetes', (ours) => ({ ...ours, later: true })],
    ['devices', (ours) => ({ ...ours, resources: { claims: [{ name: 'x' }] } })],
    ['one more mount', (ours) => ({ ...ours, volumeMounts: [...(ours.volumeMounts ?? []), { name: 'x', mountPath: '/app' }] })], // prettier-ignore
  ]

  it.each(changes)('puts its sidecar back where another webhook made it one with %s', (_name, change) => {
    const once = injected(pod({}, {})).pod
    const again = injected(changed(once, change)).pod
    expect(again.spec.initContainers).toEqual(once.spec.initContainers)
    expect(again.spec.volumes).toEqual(once.spec.volumes)
  })

  it.each(changes)('refuses a pod with a seal of another ServiceAccount and %s', (_name, change) => {
    const once = changed(injected(pod({}, {})).pod, change)
    const other = { ...once, spec: { ...once.spec, serviceAccountName: 'admin' } }
    const result = injectPod(other, place, settings)
    expect(result.kind === 'Refuse' && result.problems.map(({ reason }) => reason)).toEqual(
      expect.arrayContaining(['annotation-forged', 'container-name-taken', 'volume-name-taken']),
    )
  })

  it('puts its containers first where another webhook came before', () => {
    const once = injected(pod({}, {})).pod
    const initContainers = [{ name: 'mesh' }, ...(once.spec.initContainers ?? [])]
    expect(initNames(injected({ ...once, spec: { ...once.spec, initContainers } }).pod)).toEqual(['sallyport', 'mesh'])
  })

  it('gives a copy of an older pod what is put in now', () => {
    const old = injected(pod({}, {}), { ...place, databases: [] }, { ...settings, image: 'sidecar:0' }).pod
    const again = injected(old).pod
    expect(again).toEqual(injected(pod({}, {})).pod)
  })

  it('refuses an application that mounts the token of a sidecar that is there already', () => {
    const once = injected(pod({}, {})).pod
    const app = { name: 'app', volumeMounts: [{ name: 'sallyport-token', mountPath: '/t' }] }
    expect(injectPod({ ...once, spec: { ...once.spec, containers: [app] } }, place, settings)).toMatchObject({
      problems: [{ reason: 'volume-name-taken', path: 'spec.containers[0].volumeMounts[0].name' }],
    })
  })

  it('leaves mirror pods to kubelets, and to nobody else', () => {
    const mirror = pod({ annotations: { 'kubernetes.io/config.mirror': 'x' } }, { hostNetwork: true })
    expect(injectPod(mirror, { ...place, isNode: true }, settings)).toEqual({ kind: 'Skip', reason: 'mirror-pod' })
    expect(injectPod(mirror, place, settings)).toMatchObject({ kind: 'Refuse', problems: [{ reason: 'mirror-pod' }, {}] }) // prettier-ignore
  })
})
