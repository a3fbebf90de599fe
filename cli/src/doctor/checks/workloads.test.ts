import { describe, expect, it } from 'vitest'
import type { NamespaceFact } from '../facts/namespaces.ts'
import { parsePod, type PodFact } from '../facts/pods.ts'
import type { WebhookFact } from '../facts/webhooks.ts'
import { judgeNamespaces } from './namespaces.ts'
import { judgePodsInjected } from './pods-injected.ts'
import { judgePodsSealed } from './pods-sealed.ts'
import { judgeSidecarImages } from './sidecar-images.ts'

const nowMs = Date.parse('2027-01-01T00:10:00Z')
const object = (over: { metadata?: object; spec?: object; status?: object } = {}): object => ({
  metadata: { name: 'report-1', namespace: 'agents', creationTimestamp: '2027-01-01T00:00:00Z', ...over.metadata },
  spec: { initContainers: [{ name: 'sallyport', image: 'sidecar:1' }], ...over.spec },
  status: { phase: 'Running', ...over.status },
})
const pod = (over: Partial<PodFact> = {}): PodFact => {
  const fact = parsePod(object())
  if (!fact) throw new TypeError('no pod')
  return { ...fact, ...over }
}
const sealed = (reason: string): PodFact => pod({ sealed: { status: 'False', reason, message: 'agents/orders at 10.0.0.1:5432' } }) // prettier-ignore

describe('parsePod', () => {
  it.each([
    ['over', { status: { phase: 'Succeeded' } }],
    ['failed', { status: { phase: 'Failed' } }],
    ['on its way out', { metadata: { deletionTimestamp: '2027-01-01T00:00:00Z' } }],
    ["a kubelet's own", { metadata: { annotations: { 'kubernetes.io/config.mirror': 'x' } } }],
  ])('leaves out a pod that is %s', (_name, over) => {
    expect(parsePod(object(over))).toBeNull()
  })

  it('takes no application container for the sidecar', () => {
    expect(parsePod(object({ spec: { initContainers: [], containers: [{ name: 'sallyport' }] } }))?.sidecarImage).toBeNull() // prettier-ignore
  })

  const owned = (kind: string, name: string, labels = {}) =>
    parsePod(object({ metadata: { ownerReferences: [{ kind, name, controller: true }], labels } }))?.owner
  it('calls what made it as kubectl does', () => {
    expect(parsePod(object())?.owner).toBe('pod/report-1')
    expect(owned('ReplicaSet', 'report-7d9f', { 'pod-template-hash': '7d9f' })).toBe('deployment/report')
    expect(owned('ReplicaSet', 'report')).toBe('replicaset/report')
    expect(owned('StatefulSet', 'report')).toBe('statefulset/report')
  })
})

describe('judgePodsInjected', () => {
  const agents = new Set(['agents'])
  it('takes pods that have it, and pods nobody enrolled', () => {
    const elsewhere = pod({ namespace: 'others', sidecarImage: null })
    expect(judgePodsInjected([pod(), elsewhere], agents).result).toBe('Ok')
  })

  it('lists those without, and how to make them anew', () => {
    const naked = pod({ sidecarImage: null, owner: 'deployment/report' })
    const labelled = pod({ key: 'others/x', namespace: 'others', sidecarImage: null, isLabelled: true })
    expect(judgePodsInjected([pod(), naked, labelled], agents)).toMatchObject({
      result: 'Warning',
      items: ['agents/report-1 (deployment/report)', 'others/x (pod/report-1)'],
      fix: 'make them anew: kubectl rollout restart deployment/report -n agents',
    })
  })
})

describe('judgePodsSealed', () => {
  it.each([
    ['Redirected', 'Ok'],
    ['LoginRequired', 'Ok'],
    ['OpenToAll', 'Failed'],
    ['DirectPathOpen', 'Failed'],
    ['NotRedirected', 'Warning'],
    ['AddressesChanged', 'Warning'],
    ['ProbeFailed', 'Warning'],
    ['SomethingNew', 'Warning'],
  ])('%s is %s', (reason, result) => {
    expect(judgePodsSealed([sealed(reason)], nowMs).result).toBe(result)
  })

  it('says of Local what is true', () => {
    const { message } = judgePodsSealed([sealed('LoginRequired'), sealed('Redirected'), sealed('Redirected')], nowMs)
    expect(message).toBe('2 pods in Redirect: no way around the sidecar; 1 pod in Local: the way around ends at the login prompt of the database') // prettier-ignore
  })

  it('tells the worst first', () => {
    const finding = judgePodsSealed([sealed('ProbeFailed'), sealed('DirectPathOpen'), sealed('Redirected')], nowMs)
    expect(finding).toMatchObject({ message: '1 pod of 3 can reach a database without the sidecar' })
    expect(finding).toMatchObject({ items: [expect.stringContaining('DirectPathOpen'), expect.stringContaining('ProbeFailed')] }) // prettier-ignore
  })

  it('gives a young pod time to probe, and no more', () => {
    expect(judgePodsSealed([pod({ createdMs: nowMs - 60_000 })], nowMs).result).toBe('Ok')
    expect(judgePodsSealed([pod({ createdMs: nowMs - 600_000 })], nowMs).result).toBe('Warning')
  })

  it('tells of a pod that is kept from starting, and nothing of one that has not probed', () => {
    expect(judgePodsSealed([{ ...sealed('DirectPathOpen'), isRunning: false }], nowMs).result).toBe('Failed')
    expect(judgePodsSealed([pod({ isRunning: false })], nowMs).result).toBe('Ok')
  })
})

describe('judgeSidecarImages', () => {
  it('lists pods with another image', () => {
    expect(judgeSidecarImages([pod()], 'sidecar:1').result).toBe('Ok')
    expect(judgeSidecarImages([pod(), pod({ sidecarImage: null })], 'sidecar:2')).toMatchObject({
      result: 'Warning',
      items: ['agents/report-1: sidecar:1'],
    })
    expect(judgeSidecarImages([pod()], '').result).toBe('Skipped')
  })
})

describe('judgeNamespaces', () => {
  const webhook: WebhookFact = {
    kind: 'Mutating',
    name: 'pods.sallyport.dev',
    failurePolicy: 'Fail',
    caBundle: '',
    host: '',
    namespaceSelector: { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kube-system'] }] }, // prettier-ignore
    objectSelector: {},
    resources: ['pods'],
  }
  const namespace = (name: string, value = 'enabled', interception = '', labels = {}): NamespaceFact => ({
    name,
    labels: { 'kubernetes.io/metadata.name': name, 'sallyport.dev/inject': value, ...labels },
    interception,
  })
  const restricted = { 'pod-security.kubernetes.io/enforce': 'restricted' }

  it('lists what is enrolled', () => {
    const finding = judgeNamespaces([namespace('agents'), namespace('bots', 'enabled', 'Redirect')], [webhook])
    expect(finding).toMatchObject({ result: 'Ok', items: ['agents (Local)', 'bots (Redirect)'] })
  })

  it.each([
    ['nothing is enrolled', [], 'no namespace is enrolled'],
    ['the label has another value', [namespace('agents', 'true')], 'agents: the label has the value "true"'],
    ['the webhooks leave it out', [namespace('kube-system')], 'kube-system: is enrolled, and no webhook sees its pods'],
    ['the mode is not known', [namespace('agents', 'enabled', 'redirect')], 'interception "redirect" is not known'],
    ['PodSecurity refuses the mode', [namespace('agents', 'enabled', 'Redirect', restricted)], 'refuses'],
  ])('warns where %s', (_name, namespaces, problem) => {
    const finding = judgeNamespaces(namespaces, [webhook])
    expect(finding.result).toBe('Warning')
    expect(JSON.stringify(finding)).toContain(JSON.stringify(problem).slice(1, -1))
  })
})
