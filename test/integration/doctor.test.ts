import { readFileSync, writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { issueAuthority, issueServing } from '../../controller/src/certificates/issue.ts'
import { kubeconfigFor, startControlPlane, type ControlPlane } from '../rig/control-plane.ts'
import { buildCommands, install, type Installation } from '../rig/installation.ts'
import { runAny, until, type RunResult } from '../rig/process.ts'
import { startRelay, type Relay } from '../rig/relay.ts'

const root = join(import.meta.dirname, '../..')
const command = join(root, 'cli/bin/sallyport')
const configurations = 'mutatingwebhookconfiguration,validatingwebhookconfiguration'

let plane: ControlPlane
let installation: Installation
/** Stands between the API server and the controller's metrics. */
let metrics: Relay
let controllerAheadMs = 0

/** An address of this machine the API server proxies to; it refuses those of loopback. */
const machine = Object.values(networkInterfaces())
  .flat()
  .find((address) => address?.family === 'IPv4' && !address.internal)?.address

beforeAll(async () => {
  buildCommands()
  if (machine === undefined) throw new Error('this machine has no address but those of loopback')
  plane = await startControlPlane()
  installation = await install(plane)
  metrics = await startRelay({
    to: `http://127.0.0.1:${installation.metricsPort}`,
    host: machine,
    aheadMs: () => controllerAheadMs,
  })
  await plane.mustKubectl(['create', 'serviceaccount', 'stranger', '-n', 'default'])
  await available({ webhook: 2, controller: 1 })
  await publishMetrics()
  await plane.mustKubectl(['create', 'namespace', 'agents'])
})

afterAll(async () => {
  await metrics.stop()
  await installation.stop()
  await plane.stop()
})

/** Plays the controller manager. */
async function available(replicas: Readonly<Record<'webhook' | 'controller', number>>): Promise<void> {
  for (const [role, count] of Object.entries(replicas)) {
    const object = ['deployment', `sallyport-${role}`, '-n', installation.namespace]
    const generation = await plane.mustKubectl(['get', ...object, '-o', 'jsonpath={.metadata.generation}'])
    const counts = { replicas: count, readyReplicas: count, availableReplicas: count, updatedReplicas: count }
    const status = { observedGeneration: Number(generation), ...counts }
    await plane.mustKubectl(['patch', ...object, '--subresource=status', '--type=merge', '-p', JSON.stringify({ status })]) // prettier-ignore
  }
}

/** Plays the kubelet and the endpoint controller: the API server proxies to addresses of running pods only. */
async function publishMetrics(): Promise<void> {
  const [namespace, pod] = [installation.namespace, 'sallyport-controller-0']
  const containers = [{ name: 'controller', image: 'controller' }]
  const create = (object: object) => plane.mustKubectl(['create', '-n', namespace, '-f', '-'], JSON.stringify(object))
  const spec = { serviceAccountName: 'sallyport-controller', containers }
  await create({ apiVersion: 'v1', kind: 'Pod', metadata: { name: pod }, spec })
  const status = { phase: 'Running', podIP: machine, podIPs: [{ ip: machine }] }
  await plane.mustKubectl(['patch', 'pod', pod, '-n', namespace, '--subresource=status', '-p', JSON.stringify({ status })]) // prettier-ignore
  const addresses = [{ ip: machine, targetRef: { kind: 'Pod', namespace, name: pod } }]
  const subsets = [{ addresses, ports: [{ name: 'metrics', port: metrics.port }] }]
  await create({ apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'sallyport-controller' }, subsets })
}

interface TestReport {
  readonly result: string
  readonly counts: Readonly<Record<string, number>>
  readonly checks: readonly TestCheck[]
}

interface TestCheck {
  readonly id: string
  readonly result: string
  readonly message: string
  readonly fix: string | null
  readonly items: readonly string[]
  readonly missingRight: string | null
}

const sallyport = (...args: readonly string[]): Promise<RunResult> =>
  runAny(command, [...args, '--kubeconfig', plane.kubeconfig])

async function doctor(kubeconfig = plane.kubeconfig, ...args: readonly string[]) {
  const { code, stdout, stderr } = await runAny(command, ['doctor', '-o', 'json', '--kubeconfig', kubeconfig, ...args])
  const report = JSON.parse(stdout) as TestReport
  /** Those that are not Ok, as `id: result`. */
  const not = report.checks.filter(({ result }) => result !== 'Ok').map(({ id, result }) => `${id}: ${result}`)
  const check = (id: string): TestCheck => report.checks.find((one) => one.id === id)!
  return { code, stderr, report, not, check }
}

/** A kubeconfig of the ServiceAccount `stranger`. */
async function strangersKubeconfig(server = plane.url): Promise<string> {
  const token = await plane.mustKubectl(['create', 'token', 'stranger', '-n', 'default'])
  const file = join(plane.dir, 'stranger.kubeconfig')
  writeFileSync(file, kubeconfigFor(server, plane.caFile, token.trim()), { mode: 0o600 })
  return file
}

const upgrade = () =>
  plane.helm([
    'upgrade',
    'sallyport',
    join(root, 'charts/sallyport'),
    '-n',
    installation.namespace,
    '--reset-then-reuse-values',
  ])

/** The controller puts its authority into configurations that are new. */
const trusted = () =>
  until(
    async () => {
      const bundles = await plane.mustKubectl(['get', configurations, '-o', 'jsonpath={range .items[*].webhooks[*]}[{.clientConfig.caBundle}]{end}']) // prettier-ignore
      return !bundles.includes('[]')
    },
    'the webhooks are trusted',
    { timeoutMs: 60_000 },
  )

const pod = (name: string, labels: object = {}): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels },
    spec: { serviceAccountName: 'default', containers: [{ name: 'app', image: 'app' }] },
  })
const createPod = (name: string, namespace = 'agents') =>
  plane.mustKubectl(['create', '-n', namespace, '-f', '-'], pod(name))
const deletePod = (name: string, namespace = 'agents') =>
  plane.mustKubectl(['delete', 'pod', name, '-n', namespace, '--force', '--grace-period=0'])
/** Plays the kubelet, which writes every condition. */
const setPodStatus = (name: string, status: object) =>
  plane.mustKubectl(['patch', 'pod', name, '-n', 'agents', '--subresource=status', '-p', JSON.stringify({ status }), '--as=system:node:here', '--as-group=system:nodes', '--as-group=system:masters']) // prettier-ignore

describe('sallyport doctor on an installation that is well', () => {
  it('warns that nothing is enrolled, and of nothing else', async () => {
    const { code, not, check } = await doctor()
    expect(not).toEqual(['namespaces: Warning'])
    expect(code).toBe(0)
    expect(check('namespaces').fix).toBe('kubectl label namespace NAME sallyport.dev/inject=enabled')
    expect(check('clock').message).toContain('the controller and this machine agree')
    const installed = await plane.mustKubectl(['get', 'validatingadmissionpolicy', '-o', 'name'])
    expect(check('admission-policies').message).toContain(`${installed.trim().split('\n').length} policies`)
  })

  it('finds everything in order once a namespace is enrolled, and says so in a table', async () => {
    await plane.mustKubectl(['label', 'namespace', 'agents', 'sallyport.dev/inject=enabled'])
    const { code, stdout, stderr } = await sallyport('doctor')
    expect(stderr).toBe('')
    expect(stdout).toContain('\nAdmission\n  ✓ enforcement         enforcement is on\n')
    expect(stdout).toContain('  ✓ namespaces          1 namespace enrolled\n                          agents (Local)\n')
    expect(stdout).toMatch(/\n\n20 ok, 0 warnings, 0 failed\n$/)
    expect(code).toBe(0)
  })

  it('writes nothing', async () => {
    expect(await plane.mustKubectl(['get', 'pods', '-A', '-o', 'name'])).toBe('pod/sallyport-controller-0\n')
  })
})

describe('sallyport doctor cannot look', () => {
  it.each([
    ['a kubeconfig that is not there', () => '/nowhere', 'the kubeconfig cannot be read'],
    ['an API server that does not answer', () => kubeconfigWith('https://127.0.0.1:1', plane.adminToken), 'ECONNREFUSED'], // prettier-ignore
    ['an API server that knows nobody of this name', () => kubeconfigWith(plane.url, 'wrong'), '401'],
  ])('at %s', async (_name, kubeconfig, message) => {
    const result = await runAny(command, ['doctor', '--kubeconfig', kubeconfig()])
    expect(result.code).toBe(2)
    expect(result.stderr).toMatch(/^sallyport: no-cluster: /)
    expect(result.stderr).toContain(message)
  })

  const kubeconfigWith = (server: string, token: string): string => {
    const file = join(plane.dir, 'broken.kubeconfig')
    writeFileSync(file, kubeconfigFor(server, plane.caFile, token))
    return file
  }

  it('without rights at anything, and names each', async () => {
    const { code, report, check } = await doctor(await strangersKubeconfig())
    expect(code).toBe(0)
    expect(report.counts).toMatchObject({ Failed: 0, Warning: 0 })
    expect(check('deployments').missingRight).toBe('kubectl auth can-i get deployments.apps/sallyport-webhook -n sallyport-system') // prettier-ignore
    expect(check('pods-sealed').missingRight).toBe('kubectl auth can-i list namespaces')
    expect(check('injection').missingRight).toBe('kubectl auth can-i create pods -n default')
    expect(check('grants').missingRight).toBe('kubectl auth can-i list accessgrants.sallyport.dev --all-namespaces')
    for (const { missingRight } of report.checks) {
      if (missingRight === null) continue
      const [, , , ...words] = missingRight.split(' ')
      const asked = await plane.kubectl(['auth', 'can-i', ...words, '--as=system:serviceaccount:default:stranger'])
      expect([missingRight, asked.stdout.trim()]).toEqual([missingRight, 'no'])
    }
  })

  it('into the Secret without the right to, and at everything else all the same', async () => {
    const rules = [
      { apiGroups: ['*'], resources: ['deployments', 'namespaces', 'pods', 'customresourcedefinitions', 'configmaps'], verbs: ['get', 'list'] }, // prettier-ignore
      { apiGroups: ['admissionregistration.k8s.io', 'sallyport.dev'], resources: ['*'], verbs: ['get', 'list'] },
      { apiGroups: [''], resources: ['pods'], verbs: ['create'] },
    ]
    const role = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'looker' },
      rules,
    }
    await plane.mustKubectl(['create', '-f', '-'], JSON.stringify(role))
    await plane.mustKubectl(['create', 'clusterrolebinding', 'looker', '--clusterrole=looker', '--serviceaccount=default:stranger']) // prettier-ignore
    const { code, not, check } = await doctor(await strangersKubeconfig())
    expect(not).toEqual(['certificates: Skipped', 'audit: Skipped'])
    expect(check('certificates').missingRight).toBe('kubectl auth can-i get secrets/sallyport-tls -n sallyport-system')
    expect(check('audit').missingRight).toBe('kubectl auth can-i get services/sallyport-controller --subresource=proxy -n sallyport-system') // prettier-ignore
    expect(code).toBe(0)
  })

  it('where nothing is installed', async () => {
    const { code, not, check } = await doctor(plane.kubeconfig, '--name=other')
    expect(code).toBe(1)
    expect(check('release')).toMatchObject({ result: 'Failed' })
    expect(not.filter((one) => !one.endsWith(': Skipped'))).toEqual(['release: Failed'])
  })
})

describe('sallyport doctor finds', () => {
  it('a clock of this machine that is wrong', async () => {
    const relay = await startRelay({ to: plane.url, aheadMs: () => 90_000 })
    const kubeconfig = join(plane.dir, 'relay.kubeconfig')
    const text = kubeconfigFor(`http://127.0.0.1:${relay.port}`, plane.caFile, plane.adminToken)
    // The library takes plain HTTP for a cluster without verification only.
    writeFileSync(kubeconfig, text.replace(/"certificate-authority-data":"[^"]+"/, '"insecure-skip-tls-verify":true'))
    const { code, not, check } = await doctor(kubeconfig)
    await relay.stop()
    expect(not).toEqual(['clock: Warning'])
    expect(check('clock').message).toMatch(/the clock here is (89|90) s behind the API server's/)
    expect(code).toBe(0)
  })

  it('a clock of the controller that is wrong', async () => {
    controllerAheadMs = -90_000
    const { code, not, check } = await doctor()
    controllerAheadMs = 0
    expect(not).toEqual(['clock: Failed'])
    expect(check('clock').message).toMatch(/the controller's clock is (89|90) s away/)
    expect(code).toBe(1)
  })

  it('a webhook configuration that is gone, until an upgrade brings it back', async () => {
    await plane.mustKubectl(['delete', 'mutatingwebhookconfiguration', 'sallyport'])
    const { code, check } = await doctor()
    expect(check('enforcement')).toMatchObject({ result: 'Failed', items: ['MutatingWebhookConfiguration: pods get no sidecar'] }) // prettier-ignore
    expect(check('webhooks')).toMatchObject({ result: 'Failed', items: ['MutatingWebhookConfiguration'] })
    expect(check('injection').result).toBe('Failed')
    expect(code).toBe(1)
    await upgrade()
    await available({ webhook: 2, controller: 1 })
    await trusted()
    expect((await doctor()).not).toEqual([])
  })

  it('a webhook that fails open', async () => {
    const fail = (policy: string) => plane.mustKubectl(['patch', 'mutatingwebhookconfiguration', 'sallyport', '--type=json', '-p', JSON.stringify([{ op: 'replace', path: '/webhooks/0/failurePolicy', value: policy }])]) // prettier-ignore
    await fail('Ignore')
    const { code, not, check } = await doctor()
    await fail('Fail')
    expect(not).toEqual(['webhooks: Failed'])
    expect(check('webhooks').items).toEqual([expect.stringMatching(/^Mutating pods.sallyport.dev: failurePolicy is Ignore/)]) // prettier-ignore
    expect(code).toBe(1)
  })

  it('an admission policy that only warns', async () => {
    const put = (actions: readonly string[]) => plane.mustKubectl(['patch', 'validatingadmissionpolicybinding', 'sallyport-pods', '--type=merge', '-p', JSON.stringify({ spec: { validationActions: actions } })]) // prettier-ignore
    await put(['Warn'])
    const { code, not, check } = await doctor()
    await put(['Deny'])
    expect(not).toEqual(['admission-policies: Failed'])
    expect(check('admission-policies').items).toEqual(['sallyport-pods: does not deny, its actions are Warn'])
    expect(code).toBe(1)
  })

  it('pods made before the enrolment', async () => {
    await plane.mustKubectl(['create', 'namespace', 'late'])
    await createPod('early', 'late')
    await plane.mustKubectl(['label', 'namespace', 'late', 'sallyport.dev/inject=enabled'])
    const { code, not, check } = await doctor()
    await deletePod('early', 'late')
    expect(not).toEqual(['pods-injected: Warning'])
    expect(check('pods-injected').items).toEqual(['late/early (pod/early)'])
    expect(code).toBe(0)
  })

  it('a pod whose application reaches the database without the sidecar', async () => {
    await createPod('leaky')
    const conditions = [{ type: 'sallyport.dev/Sealed', status: 'False', reason: 'DirectPathOpen', message: 'agents/orders at 10.0.0.1:5432 answered' }] // prettier-ignore
    await setPodStatus('leaky', { phase: 'Running', conditions })
    const { code, not, check } = await doctor()
    expect(not).toEqual(['pods-sealed: Failed'])
    expect(check('pods-sealed').items).toEqual([
      'agents/leaky: DirectPathOpen: agents/orders at 10.0.0.1:5432 answered',
    ])
    expect(code).toBe(1)
    await setPodStatus('leaky', { conditions: [{ ...conditions[0], reason: 'LoginRequired', message: 'a login is asked for' }] }) // prettier-ignore
    const after = await doctor()
    expect(after.not).toEqual([])
    expect(after.check('pods-sealed').message).toBe('1 pod in Local: the way around ends at the login prompt of the database') // prettier-ignore
  })

  it('pods with the sidecar of another release', async () => {
    const deployment = ['deployment', 'sallyport-webhook', '-n', installation.namespace]
    const args = await plane.mustKubectl(['get', ...deployment, '-o', 'jsonpath={.spec.template.spec.containers[0].args}']) // prettier-ignore
    const put = async (value: readonly string[]): Promise<void> => {
      const patch = [{ op: 'replace', path: '/spec/template/spec/containers/0/args', value }]
      await plane.mustKubectl(['patch', ...deployment, '--type=json', '-p', JSON.stringify(patch)])
      await available({ webhook: 2, controller: 1 })
    }
    const original = JSON.parse(args) as readonly string[]
    await put([...original, '--sidecar-image=sidecar:next'])
    const { code, not, check } = await doctor()
    await put(original)
    await deletePod('leaky')
    expect(not).toEqual(['sidecar-images: Warning'])
    expect(check('sidecar-images').items).toEqual([expect.stringMatching(/^agents\/leaky: .*sallyport-sidecar/)])
    expect(code).toBe(0)
  })

  it('a CRD of another version', async () => {
    const crd = ['customresourcedefinition', 'accessgrants.sallyport.dev']
    const path = '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/functions'
    await plane.mustKubectl(['patch', ...crd, '--type=json', '-p', JSON.stringify([{ op: 'remove', path }])])
    const { code, not, check } = await doctor()
    await plane.mustKubectl(['replace', '-f', join(root, 'crds/sallyport.dev_accessgrants.yaml')])
    expect(not).toEqual(['crds: Failed'])
    expect(check('crds').items).toEqual(['accessgrants.sallyport.dev: does not know .spec.functions'])
    expect(code).toBe(1)
    expect((await doctor()).not).toEqual([])
  })

  it('a Database whose login cannot be read', async () => {
    const database = readFileSync(join(root, 'test/manifests/good/database-minimal.yaml'), 'utf8')
    await plane.mustKubectl(['apply', '-n', 'agents', '-f', '-'], database)
    await until(async () => (await doctor()).check('databases').result === 'Failed', 'the Database is looked at')
    const { check } = await doctor()
    await plane.mustKubectl(['delete', '-n', 'agents', '-f', '-'], database)
    expect(check('databases').items).toEqual([expect.stringMatching(/^agents\/\S+: SecretNotUsable: /)])
  })

  it('a certificate that is over, and of another authority', async () => {
    await installation.stopController()
    const secret = ['secret', 'sallyport-tls', '-n', installation.namespace]
    const good = await plane.mustKubectl(['get', ...secret, '-o', 'jsonpath={.data.tls\\.crt}'])
    const put = (data: string) => plane.mustKubectl(['patch', ...secret, '-p', JSON.stringify({ data: { 'tls.crt': data } })]) // prettier-ignore
    const dayMs = 86_400_000
    const other = await issueServing(await issueAuthority('other', Date.now(), dayMs), ['127.0.0.1'], Date.now() - 9 * dayMs, dayMs) // prettier-ignore
    await put(Buffer.from(other.cert).toString('base64'))
    const { code, check } = await doctor()
    await put(good)
    expect(check('certificates')).toMatchObject({ result: 'Failed' })
    expect(check('certificates').items).toEqual([
      'it ended 8 d ago',
      expect.stringMatching(/^pods.sallyport.dev, .*: caBundle does not trust it$/),
    ])
    expect(code).toBe(1)
  })

  it('a release that is away', async () => {
    await installation.stopWebhook()
    await available({ webhook: 0, controller: 0 })
    const { code, not, check } = await doctor()
    expect(not).toEqual(['deployments: Failed', 'injection: Failed', 'refusal: Failed', 'audit: Warning'])
    expect(check('injection').message).toMatch(/^the webhook labelled-pods.sallyport.dev does not answer: /)
    expect(check('audit').message).toContain("the controller's metrics cannot be read")
    expect(code).toBe(1)
    await available({ webhook: 2, controller: 1 })
    await Promise.all([installation.startController(), installation.startWebhook()])
    expect((await doctor()).not).toEqual([])
  })
})

describe('the emergency switch', () => {
  it('is one command of kubectl: nothing is injected or blocked, doctor says so, and an upgrade ends it', async () => {
    await installation.stopWebhook()
    expect((await plane.kubectl(['create', '-n', 'agents', '-f', '-'], pod('blocked'))).code).not.toBe(0)
    const selector = 'app.kubernetes.io/instance=sallyport,app.kubernetes.io/name=sallyport'
    await plane.mustKubectl(['delete', `${configurations},validatingadmissionpolicybinding`, '-l', selector])
    // API servers look at policies once a second.
    const create = () => plane.kubectl(['create', '-n', 'agents', '-f', '-'], pod('naked'))
    await until(async () => (await create()).code === 0, 'a pod is created')
    const containers = 'jsonpath={.spec.initContainers[*].name}'
    expect(await plane.mustKubectl(['get', 'pod', 'naked', '-n', 'agents', '-o', containers])).toBe('')
    const { code, check } = await doctor()
    expect(check('enforcement')).toMatchObject({ result: 'Failed', message: 'enforcement is off: somebody has taken away what admits pods' }) // prettier-ignore
    expect(check('pods-injected').items).toEqual(['agents/naked (pod/naked)'])
    expect(code).toBe(1)
    await upgrade()
    await installation.startWebhook()
    await available({ webhook: 2, controller: 1 })
    await trusted()
    await createPod('clad')
    expect(await plane.mustKubectl(['get', 'pod', 'clad', '-n', 'agents', '-o', containers])).toContain('sallyport')
    expect((await doctor()).not).toEqual(['pods-injected: Warning'])
  })
})

const hookTest = () => sallyport('hook', 'test', '--name=sallyport', `--namespace=${installation.namespace}`)

describe('sallyport hook test', () => {
  it('proves that the installed webhook injects and refuses', async () => {
    const result = await hookTest()
    expect(result.stderr).toBe('')
    expect(result.stdout.split('\n')).toEqual([
      expect.stringMatching(/^ok: a labelled pod in default comes back with the sidecar .*sallyport-sidecar/),
      'ok: a labelled pod with hostNetwork is refused in default: host-network',
      '',
    ])
    expect(result.code).toBe(0)
  })

  it('fails while the webhook does not answer, and says which', async () => {
    await installation.stopWebhook()
    const result = await hookTest()
    expect(result.stderr).toMatch(/test-failed: the webhook labelled-pods.sallyport.dev does not answer/)
    expect(result.code).toBe(1)
    await installation.startWebhook()
  })

  it('cannot be run without a cluster', async () => {
    const result = await runAny(command, ['hook', 'test', '--name=sallyport', '--kubeconfig', '/nowhere'])
    expect(result).toMatchObject({ code: 2, stderr: 'sallyport: no-cluster: the kubeconfig cannot be read\n' })
  })
})

describe('sallyport hook pre-delete', () => {
  const preDelete = () => sallyport('hook', 'pre-delete', '--name=sallyport', '--instance=sallyport')

  it('names the right it needs', async () => {
    await plane.mustKubectl(['delete', 'clusterrolebinding', 'looker'])
    const result = await runAny(command, ['hook', 'pre-delete', '--name=sallyport', '--instance=sallyport', '--kubeconfig', await strangersKubeconfig()]) // prettier-ignore
    expect(result.stderr).toContain('needed: kubectl auth can-i list validatingadmissionpolicybindings.admissionregistration.k8s.io\n') // prettier-ignore
    expect(result.code).toBe(1)
  })

  it('removes what could refuse a pod, and nothing else, and may be repeated', async () => {
    const foreign = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'other', labels: { 'app.kubernetes.io/instance': 'sallyport' } },
    }
    await plane.mustKubectl(['create', '-f', '-'], JSON.stringify(foreign))
    const first = await preDelete()
    expect(first.stdout).toContain('removed mutatingwebhookconfigurations/sallyport\n')
    expect(first.stdout).toContain('removed validatingwebhookconfigurations/sallyport\n')
    expect(first.stdout).toMatch(/enforces nothing any more/)
    expect(first.code).toBe(0)
    const kinds = `${configurations},validatingadmissionpolicy,validatingadmissionpolicybinding`
    expect(await plane.mustKubectl(['get', kinds, '-o', 'name'])).toBe(
      'validatingwebhookconfiguration.admissionregistration.k8s.io/other\n',
    )
    const second = await preDelete()
    expect(second).toMatchObject({ code: 0, stdout: 'nothing to remove: release sallyport has no admission object\n' })
  })

  it('removes webhooks that lost their labels', async () => {
    const stripped = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name: 'sallyport' },
    }
    await plane.mustKubectl(['create', '-f', '-'], JSON.stringify(stripped))
    expect((await preDelete()).stdout).toContain('removed mutatingwebhookconfigurations/sallyport\n')
  })
})
