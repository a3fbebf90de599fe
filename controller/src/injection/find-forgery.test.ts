import { describe, expect, it } from 'vitest'
import { findForgery } from './find-forgery.ts'
import { injectPod } from './inject-pod.ts'
import { parsePod, type Container, type Pod } from './pod.ts'
import { sealKeyOf } from './seal.ts'
import type { InjectionPlace, InjectionSettings } from './settings.ts'

const sealKey = sealKeyOf(Buffer.alloc(32, 1))
const settings: InjectionSettings = { image: 'sidecar:1', redirectImage: 'redirect:1', controllerUrl: 'https://controller:8443', caBundle: 'PEM', sealKey } // prettier-ignore
const place: InjectionPlace = {
  namespace: 'agents',
  databases: [{ namespace: 'agents', name: 'orders', host: 'orders.prod.svc', port: 5432, localPort: 15_432 }],
}
const restricted = { runAsUser: 1000, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }

/** A pod as its author wrote it, injected. */
function made(metadata: object = {}, spec: object = {}): Pod {
  const containers = [{ name: 'app', image: 'app', securityContext: restricted }]
  const result = injectPod(parse({ metadata, spec: { serviceAccountName: 'agent', containers, ...spec } }), place, settings) // prettier-ignore
  if (result.kind !== 'Inject') throw new Error(JSON.stringify(result))
  return result.pod
}

function parse(value: unknown): Pod {
  const pod = parsePod(value)
  if (!pod) throw new Error('not a pod')
  return pod
}

const redirecting = made({ annotations: { 'sallyport.dev/interception': 'Redirect' } })
const withSpec = (pod: Pod, spec: object): Pod => parse({ ...pod, spec: { ...pod.spec, ...spec } })
const withInit = (pod: Pod, change: (container: Container, index: number) => object): Pod =>
  withSpec(pod, { initContainers: (pod.spec.initContainers ?? []).map(change) })
const annotated = (pod: Pod, name: string, value: string | null): Pod =>
  parse({ ...pod, metadata: { ...pod.metadata, annotations: { ...pod.metadata.annotations, [name]: value } } })

describe('findForgery', () => {
  it.each([
    ['Local', made()],
    ['Redirect', redirecting],
  ])('finds none in what was made (%s), whatever the Databases are by now', (_mode, pod) => {
    expect(findForgery(pod, 'agents', sealKey)).toBeNull()
    expect(findForgery(made({}, { containers: [{ name: 'app', ports: [{ containerPort: 8080 }] }] }), 'agents', sealKey)).toBeNull() // prettier-ignore
  })

  it.each<[string, unknown, RegExp]>([
    ['that is none', { spec: {} }, /cannot be read/],
    ['that was not injected', { spec: { containers: [{ name: 'app' }] } }, /the webhook has not made it/],
    ['without a seal', annotated(made(), 'sallyport.dev/injection', null), /the webhook has not made it/],
    ['with another seal', annotated(made(), 'sallyport.dev/injection', 'eA=='), /not those it was made with/],
    ['in another mode', annotated(redirecting, 'sallyport.dev/interception', 'Local'), /first containers are not sallyport$/], // prettier-ignore
    ['in no mode', annotated(made(), 'sallyport.dev/interception', 'Off'), /interception was changed/],
    ['of another ServiceAccount', withSpec(made(), { serviceAccountName: 'admin' }), /not those it was made with/],
    ['with another image', withInit(made(), (ours) => ({ ...ours, image: 'evil' })), /not those it was made with/],
    ['with a field of a later Kubernetes', withInit(made(), (ours) => ({ ...ours, later: 1 })), /not those/],
    ['with a probe that runs a command', withInit(made(), (ours) => ({ ...ours, livenessProbe: { exec: { command: ['sh'] } } })), /not those/], // prettier-ignore
    ['whose rules another image writes', withInit(redirecting, (ours, index) => (index === 0 ? { ...ours, image: 'evil' } : ours)), /not those/], // prettier-ignore
    ['whose spool is shared', withSpec(made(), { volumes: [...(made().spec.volumes ?? []).slice(0, 1), { name: 'sallyport-spool', persistentVolumeClaim: { claimName: 'x' } }] }), /not those/], // prettier-ignore
    ['without its token', withSpec(made(), { volumes: (made().spec.volumes ?? []).slice(1) }), /not those/],
    ['with a container before', withSpec(redirecting, { initContainers: [{ name: 'early', securityContext: restricted }, ...(redirecting.spec.initContainers ?? [])] }), /first containers are not/], // prettier-ignore
    ['with its containers in another order', withSpec(redirecting, { initContainers: (redirecting.spec.initContainers ?? []).toReversed() }), /first containers are not/], // prettier-ignore
    ['with the sidecar among applications', withSpec(made(), { containers: made().spec.initContainers, initContainers: [] }), /first containers are not/], // prettier-ignore
    ['that shares its processes', withSpec(made(), { shareProcessNamespace: true }), /^shared-process-namespace at spec/], // prettier-ignore
    ['with a debugger', withSpec(made(), { ephemeralContainers: [{ name: 'debug' }] }), /^ephemeral-container at spec/],
    ['whose application mounts the spool', withSpec(made(), { containers: [{ name: 'app', volumeMounts: [{ name: 'sallyport-spool', mountPath: '/s' }] }] }), /^volume-name-taken at/], // prettier-ignore
    ['with an application that may become root', withSpec(redirecting, { containers: [{ name: 'app' }] }), /^user-unset at/], // prettier-ignore
    ['with one more volume of a token', withSpec(made(), { volumes: [...(made().spec.volumes ?? []), { name: 't', projected: { sources: [{ serviceAccountToken: { audience: 'sallyport.dev', path: 't' } }] } }] }), /^token-audience-taken at/], // prettier-ignore
  ])('finds one in a pod %s', (_what, pod, sentence) => {
    expect(findForgery(pod, 'agents', sealKey)).toMatch(sentence)
  })

  it('finds one in another namespace, and under another key', () => {
    expect(findForgery(made(), 'others', sealKey)).toMatch(/not those it was made with/)
    expect(findForgery(made(), 'agents', sealKeyOf(Buffer.alloc(32, 2)))).toMatch(/not those it was made with/)
  })
})
