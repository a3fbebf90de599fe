/** What the chart renders, without an API server. Its meaning, not its text. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { chartFolder, renderObjects, renderText, tryRender, type Manifest } from '../rig/chart.ts'
import { runAny } from '../rig/process.ts'
import { toolPath } from '../rig/tool-paths.ts'
import { valueSets } from './chart-value-sets.ts'

interface Container {
  readonly image: string
  readonly args: readonly string[]
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[]
}

interface PodSpec {
  readonly serviceAccountName: string
  readonly priorityClassName?: string
  readonly terminationGracePeriodSeconds?: number
  readonly imagePullSecrets?: readonly { readonly name: string }[]
  readonly containers: readonly Container[]
  readonly volumes?: readonly { readonly name: string; readonly emptyDir?: object; readonly persistentVolumeClaim?: { readonly claimName: string } }[] // prettier-ignore
}

interface Rule {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly verbs: readonly string[]
}

interface Webhook {
  readonly name: string
  readonly clientConfig: { readonly caBundle?: string; readonly url?: string; readonly service?: { readonly name: string; readonly port: number } } // prettier-ignore
}

const find = (objects: readonly Manifest[], kind: string, name: string): Manifest => {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name)
  if (!found) throw new Error(`no ${kind} ${name}`)
  return found
}

const podOf = (object: Manifest): PodSpec =>
  object.kind === 'Pod' ? (object.spec as PodSpec) : (object.spec as { template: { spec: PodSpec } }).template.spec

const containerOf = (objects: readonly Manifest[], kind: string, name: string): Container =>
  podOf(find(objects, kind, name)).containers[0]!

const workloads = (objects: readonly Manifest[]): readonly Manifest[] =>
  objects.filter(({ kind }) => ['Deployment', 'Job', 'Pod'].includes(kind))

const rulesOf = (objects: readonly Manifest[], kind: string, name: string): readonly Rule[] =>
  find(objects, kind, name).rules as readonly Rule[]

const webhooksOf = (objects: readonly Manifest[]): readonly Webhook[] =>
  objects.flatMap((object) => (object.kind.endsWith('WebhookConfiguration') ? (object.webhooks as Webhook[]) : []))

/** Typed: what vitest gives is `any`. */
const containing = (members: readonly unknown[]): unknown => expect.arrayContaining([...members])

const templateFiles = (): readonly (readonly [string, string])[] =>
  readdirSync(join(chartFolder, 'templates'), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(yaml|tpl|txt)$/.test(name))
    .map((name) => [name, readFileSync(join(chartFolder, 'templates', name), 'utf8')] as const)

describe.each(Object.entries(valueSets))('with %s', (_name, args) => {
  it('helm finds nothing to complain about', async () => {
    const { code, stdout } = await runAny(toolPath('helm'), ['lint', '--strict', chartFolder, ...args])
    expect(stdout).not.toMatch(/\[(WARNING|ERROR)\]/)
    expect(code).toBe(0)
  })

  it('renders the same bytes every time', async () => {
    const [first, second] = await Promise.all([renderText(args), renderText(args)])
    expect(first).toBe(second)
  })

  it('leaves caBundle to whoever keeps the certificate', async () => {
    const webhooks = webhooksOf(await renderObjects(args))
    expect(webhooks.length).toBeGreaterThan(5)
    for (const { name, clientConfig } of webhooks) expect([name, clientConfig.caBundle]).toEqual([name, undefined])
  })

  it('gives no right by a wildcard, and none over Secrets but by name, to make them, or to read logins', async () => {
    for (const { kind, metadata, rules = [] } of await renderObjects(args)) {
      for (const { apiGroups, resources, verbs, resourceNames } of rules as Rule[]) {
        expect([...apiGroups, ...resources, ...verbs, ...(resourceNames ?? [])], `${kind} ${metadata.name}`).not.toContain('*') // prettier-ignore
        if (!resources.includes('secrets') || resourceNames) continue
        const isOfLogins = /^(ClusterRole sallyport-controller|Role sallyport-controller-logins)$/.test(`${kind} ${metadata.name}`) // prettier-ignore
        expect([verbs, isOfLogins], `${kind} ${metadata.name}`).toEqual(isOfLogins ? [['get'], true] : [['create'], false]) // prettier-ignore
      }
    }
  })

  it('binds every role to an account of the release', async () => {
    const objects = await renderObjects(args)
    const accounts = objects.filter(({ kind }) => kind === 'ServiceAccount').map(({ metadata }) => metadata.name)
    for (const object of objects.filter(({ kind }) => kind.endsWith('RoleBinding'))) {
      const { roleRef, subjects } = object as unknown as { roleRef: { kind: string; name: string }; subjects: { name: string }[] } // prettier-ignore
      expect(find(objects, roleRef.kind, roleRef.name)).toBeDefined()
      for (const { name } of subjects) expect(accounts).toContain(name)
    }
    for (const workload of workloads(objects)) expect(accounts).toContain(podOf(workload).serviceAccountName)
  })
})

describe('templates', () => {
  it('use nothing that differs from one time to the next', () => {
    const differs = /\b(lookup|now|date\w*|ago|rand\w+|shuffle|uuidv4|gen[A-Z]\w+|htpasswd|bcrypt|getHostByName)\b/
    for (const [name, text] of templateFiles()) {
      const actions = [...text.matchAll(/{{-?\s*([^]*?)\s*-?}}/g)].map(([, action = '']) => action)
      for (const action of actions.filter((each) => !each.startsWith('/*'))) expect(action, name).not.toMatch(differs)
    }
  })

  it('say of every right what it is for', () => {
    const files = templateFiles().filter(([, text]) => text.includes('\nrules:'))
    expect(files.length).toBeGreaterThan(3)
    for (const [name, text] of files) {
      if (name === 'people-rbac.yaml' || name === 'admission-webhooks.yaml') continue
      const lines = text.split('\n')
      for (const [index, line] of lines.entries()) {
        if (line.startsWith('  - apiGroups:')) expect(lines[index - 1], `${name}:${index + 1}`).toMatch(/^ {2}# \S/)
      }
    }
  })
})

describe('the Kubernetes it is for', () => {
  it.each(['1.28.0', '1.29.14'])('is not %s, and helm says which', async (version) => {
    const { code, stderr } = await tryRender([`--kube-version=${version}`])
    expect(code).not.toBe(0)
    expect(stderr).toContain('chart requires kubeVersion: >=1.30.0-0 which is incompatible with Kubernetes')
  })

  it.each(['1.30.0', '1.31.4-gke.1372000', '1.34.4'])('may be %s', async (version) => {
    expect((await tryRender([`--kube-version=${version}`])).code).toBe(0)
  })
})

describe('the two Deployments', () => {
  it('have a role, an account and a Service each, and webhooks call the one that admits', async () => {
    const objects = await renderObjects()
    for (const role of ['webhook', 'controller']) {
      const name = `sallyport-${role}`
      const { spec } = find(objects, 'Deployment', name) as unknown as { spec: { selector: { matchLabels: object } } }
      expect(find(objects, 'Service', name).spec).toMatchObject({ selector: spec.selector.matchLabels })
      expect(podOf(find(objects, 'Deployment', name)).serviceAccountName).toBe(name)
      expect(containerOf(objects, 'Deployment', name).args[0]).toBe(`--role=${role}`)
    }
    for (const { clientConfig } of webhooksOf(objects))
      expect(clientConfig.service).toMatchObject({ name: 'sallyport-webhook', port: 443 })
  })

  it('never leave nobody to answer while webhook pods change, and outlive their drain', async () => {
    const webhook = find(await renderObjects(['--set=webhook.drainSeconds=40']), 'Deployment', 'sallyport-webhook')
    expect(webhook.spec).toMatchObject({ replicas: 2, strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } })
    const { containers, volumes, terminationGracePeriodSeconds = 0 } = podOf(webhook)
    expect(containers[0]!.args).toContain('--drain-seconds=40')
    expect(terminationGracePeriodSeconds).toBeGreaterThan(40)
    // Nothing in a replica is worth keeping.
    expect(volumes).toBeUndefined()
  })

  it('have one writer of the journal, which is acknowledged from where it is safe', async () => {
    const without = await renderObjects()
    expect(find(without, 'Deployment', 'sallyport-controller').spec).toMatchObject({ replicas: 1, strategy: { type: 'Recreate' } }) // prettier-ignore
    expect(containerOf(without, 'Deployment', 'sallyport-controller').args).toContain('--acknowledge=segment')
    expect(without.map(({ kind }) => kind)).not.toContain('PersistentVolumeClaim')
    const persistent = await renderObjects(['--set=persistence.enabled=true'])
    expect(containerOf(persistent, 'Deployment', 'sallyport-controller').args).toContain('--acknowledge=journal')
    const claim = find(persistent, 'PersistentVolumeClaim', 'sallyport-controller')
    expect(claim.metadata.annotations).toEqual({ 'helm.sh/resource-policy': 'keep' })
    const own = await renderObjects(['--set=persistence.enabled=true,persistence.existingClaim=mine'])
    expect(podOf(find(own, 'Deployment', 'sallyport-controller')).volumes).toContainEqual({ name: 'data', persistentVolumeClaim: { claimName: 'mine' } }) // prettier-ignore
    expect(own.map(({ kind }) => kind)).not.toContain('PersistentVolumeClaim')
  })

  it('take a quota along for the priority of the system, which some clusters ask for', async () => {
    const objects = await renderObjects()
    expect(podOf(find(objects, 'Deployment', 'sallyport-webhook')).priorityClassName).toBe('system-cluster-critical')
    expect(find(objects, 'ResourceQuota', 'sallyport-system-priority').spec).toMatchObject({
      scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', values: ['system-cluster-critical'] }] },
    })
    const plain = await renderObjects(['--set=webhook.priorityClassName=mine'])
    expect(plain.map(({ kind }) => kind)).not.toContain('ResourceQuota')
  })

  it('have three replicas on three nodes in the profile for high availability', async () => {
    const webhook = find(await renderObjects(valueSets.HA), 'Deployment', 'sallyport-webhook')
    expect(webhook.spec).toMatchObject({
      replicas: 3,
      template: {
        spec: {
          topologySpreadConstraints: [
            { topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'DoNotSchedule' },
            { topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'ScheduleAnyway' },
          ],
        },
      },
    })
  })

  it('listen elsewhere on a node', async () => {
    const objects = await renderObjects(['--set=webhook.hostNetwork=true,webhook.port=10260'])
    const { args, ports } = containerOf(objects, 'Deployment', 'sallyport-webhook')
    expect(args).toContain('--admission-address=0.0.0.0:10260')
    expect(ports).toContainEqual({ name: 'admission', containerPort: 10_260 })
  })
})

describe('images', () => {
  const all = (objects: readonly Manifest[]): readonly string[] =>
    workloads(objects).flatMap((workload) =>
      podOf(workload).containers.flatMap(({ image, args }) => [
        image,
        ...args.flatMap((arg) => /^--(?:sidecar|redirect)-image=(.+)$/.exec(arg)?.[1] ?? []),
      ]),
    )

  it('are of the version of the chart', async () => {
    const images = new Set(all(await renderObjects()))
    expect(images).toEqual(
      new Set(['controller', 'sidecar', 'redirect'].map((name) => `ghcr.io/sallyport-dev/sallyport-${name}:0.1.0`)),
    )
  })

  it('come from one registry when told so, and by digest whatever the tag', async () => {
    const digest = `sha256:${'a'.repeat(64)}`
    const objects = await renderObjects([
      '--set=global.imageRegistry=mirror.local:5000/apps',
      `--set=sidecar.image.digest=${digest},sidecar.image.tag=9.9`,
      '--set=redirect.image.tag=1.2',
    ])
    expect(new Set(all(objects))).toEqual(
      new Set([
        'mirror.local:5000/apps/sallyport-dev/sallyport-controller:0.1.0',
        `mirror.local:5000/apps/sallyport-dev/sallyport-sidecar@${digest}`,
        'mirror.local:5000/apps/sallyport-dev/sallyport-redirect:1.2',
      ]),
    )
  })

  it('are pulled by every pod with the secrets given', async () => {
    const objects = await renderObjects(['--set=imagePullSecrets[0].name=login'])
    expect(workloads(objects)).toHaveLength(4)
    for (const workload of workloads(objects)) expect(podOf(workload).imagePullSecrets).toEqual([{ name: 'login' }])
  })
})

describe('rights', () => {
  const secretRules = (objects: readonly Manifest[], kind: string): readonly string[] =>
    objects
      .filter((object) => object.kind === kind)
      .flatMap(({ metadata, rules }) =>
        (rules as Rule[]).filter(({ resources }) => resources.includes('secrets')).map(() => metadata.name),
      )

  it('reach Secrets of the namespaces named, and of no others', async () => {
    expect(secretRules(await renderObjects(), 'ClusterRole')).toEqual(['sallyport-controller'])
    const objects = await renderObjects(['--set=rbac.databaseNamespaces={one,two}'])
    expect(secretRules(objects, 'ClusterRole')).toEqual([])
    const logins = objects.filter(({ kind, metadata }) => kind === 'Role' && metadata.name.endsWith('-logins'))
    expect(logins.map(({ metadata }) => metadata.namespace)).toEqual(['one', 'two'])
  })

  it('change the webhook configurations only where the controller keeps their trust, and then its two', async () => {
    const admission = (objects: readonly Manifest[], role: string): readonly Rule[] =>
      rulesOf(objects, 'ClusterRole', `sallyport-${role}`).filter(({ apiGroups }) => apiGroups.includes('admissionregistration.k8s.io')) // prettier-ignore
    const own = await renderObjects()
    expect(admission(own, 'controller')).toMatchObject([{ resourceNames: ['sallyport'], verbs: ['get', 'patch'] }])
    expect(admission(own, 'webhook')).toMatchObject([{ resourceNames: ['sallyport'], verbs: ['get'] }])
    const managed = await renderObjects(['--set=certificates.source=CertManager'])
    expect(admission(managed, 'controller')).toMatchObject([{ resourceNames: ['sallyport'], verbs: ['get'] }])
  })

  it('to change the Secret of a certificate are there only for one of its own', async () => {
    const verbs = (objects: readonly Manifest[], secret: string): readonly string[] =>
      rulesOf(objects, 'Role', 'sallyport-controller').flatMap((rule) => (rule.resourceNames?.includes(secret) ? rule.verbs : [])) // prettier-ignore
    expect(verbs(await renderObjects(), 'sallyport-tls')).toEqual(['get', 'update'])
    const given = await renderObjects(['--set=certificates.source=Secret,certificates.secretName=mine'])
    expect(verbs(given, 'mine')).toEqual(['get'])
    expect(verbs(given, 'sallyport-tls')).toEqual([])
  })

  it("to take enforcement away are the hook's, over every admission object of the release, and end with it", async () => {
    const objects = await renderObjects()
    const removable = rulesOf(objects, 'ClusterRole', 'sallyport-pre-delete').flatMap(({ resources, verbs, resourceNames = [] }) =>
      verbs.includes('delete') ? resources.flatMap((resource) => resourceNames.map((name) => `${resource}/${name}`)) : [],
    ) // prettier-ignore
    const resources: Readonly<Record<string, string>> = {
      MutatingWebhookConfiguration: 'mutatingwebhookconfigurations',
      ValidatingWebhookConfiguration: 'validatingwebhookconfigurations',
      ValidatingAdmissionPolicy: 'validatingadmissionpolicies',
      ValidatingAdmissionPolicyBinding: 'validatingadmissionpolicybindings',
    }
    for (const { kind, metadata, apiVersion } of objects) {
      if (!apiVersion.startsWith('admissionregistration.k8s.io/')) continue
      expect(removable).toContain(`${resources[kind] ?? kind}/${metadata.name}`)
      expect(metadata.labels).toMatchObject({ 'app.kubernetes.io/name': 'sallyport', 'app.kubernetes.io/instance': 'sallyport' }) // prettier-ignore
    }
    const others = objects.filter(
      ({ rules, metadata }) => rules !== undefined && metadata.name !== 'sallyport-pre-delete',
    )
    for (const { metadata, rules } of others)
      for (const { apiGroups, verbs } of rules as Rule[])
        if (apiGroups.includes('admissionregistration.k8s.io')) expect(verbs, metadata.name).not.toContain('delete')
  })
})

describe('hooks', () => {
  const hooks = (objects: readonly Manifest[], event: string): readonly Manifest[] =>
    objects.filter(({ metadata }) => metadata.annotations?.['helm.sh/hook'] === event)

  it('leave neither accounts nor rights behind, and have them before they run', async () => {
    const objects = await renderObjects()
    for (const event of ['pre-delete', 'test']) {
      const parts = hooks(objects, event)
      expect(parts.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['ServiceAccount']))
      const weight = ({ metadata }: Manifest): number => Number(metadata.annotations?.['helm.sh/hook-weight'])
      const runs = parts.find(({ kind }) => kind === 'Job' || kind === 'Pod')!
      for (const part of parts) {
        expect(part.metadata.annotations?.['helm.sh/hook-delete-policy']).toBe('before-hook-creation,hook-succeeded')
        if (part !== runs) expect(weight(part)).toBeLessThan(weight(runs))
      }
    }
    expect(containerOf(objects, 'Job', 'sallyport-pre-delete').args).toEqual([
      'hook',
      'pre-delete',
      '--name=sallyport',
      '--instance=sallyport',
    ])
    expect(containerOf(objects, 'Pod', 'sallyport-test').args).toEqual([
      'hook',
      'test',
      '--name=sallyport',
      '--namespace=sallyport-system',
      '--test-namespace=default',
    ])
  })

  it('can be left out', async () => {
    const objects = await renderObjects(['--set=hooks.enabled=false,helmTest.enabled=false'])
    expect([...hooks(objects, 'pre-delete'), ...hooks(objects, 'test')]).toEqual([])
  })
})

describe('what is off by default', () => {
  it('is not rendered', async () => {
    const kinds = (await renderObjects()).map(({ kind }) => kind)
    for (const kind of ['NetworkPolicy', 'ServiceMonitor', 'Certificate', 'Issuer']) expect(kinds).not.toContain(kind)
  })

  it('certificates of cert-manager: names that are dialled, and webhooks that trust their authority', async () => {
    const objects = await renderObjects([
      '--set=certificates.source=CertManager,controller.url=https://sallyport.example:8443',
      '--set=controller.extraDnsNames={10.0.0.7,other.example,fd00::7}',
    ])
    const certificate = find(objects, 'Certificate', 'sallyport-tls')
    expect(certificate.spec).toMatchObject({
      dnsNames: containing(['sallyport-webhook.sallyport-system.svc', 'sallyport-controller.sallyport-system.svc', 'sallyport.example', 'other.example']), // prettier-ignore
      ipAddresses: ['10.0.0.7', 'fd00::7'],
      issuerRef: { name: 'sallyport-ca', kind: 'Issuer' },
      secretName: 'sallyport-tls',
    })
    expect(find(objects, 'Issuer', 'sallyport-ca').spec).toEqual({ ca: { secretName: 'sallyport-ca' } })
    for (const kind of ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'])
      expect(find(objects, kind, 'sallyport').metadata.annotations).toEqual({ 'cert-manager.io/inject-ca-from': 'sallyport-system/sallyport-tls' }) // prettier-ignore
    for (const role of ['webhook', 'controller'])
      expect(containerOf(objects, 'Deployment', `sallyport-${role}`).args).toContain('--certificate-source=cert-manager') // prettier-ignore
  })

  it('certificates of another issuer: no authority of the release', async () => {
    const objects = await renderObjects([
      '--set=certificates.source=CertManager,certificates.certManager.issuerRef.name=corp,certificates.certManager.issuerRef.kind=ClusterIssuer',
    ])
    expect(find(objects, 'Certificate', 'sallyport-tls').spec).toMatchObject({ issuerRef: { name: 'corp', kind: 'ClusterIssuer', group: 'cert-manager.io' } }) // prettier-ignore
    expect(objects.map(({ kind }) => kind)).not.toContain('Issuer')
  })

  it('admission policies: closed on failure and bound to deny, or none at all', async () => {
    const isOfPolicies = ({ kind }: { readonly kind: string }): boolean => kind.startsWith('ValidatingAdmissionPolicy')
    const objects = (await renderObjects()).filter(isOfPolicies)
    const policies = objects.filter(({ kind }) => kind === 'ValidatingAdmissionPolicy')
    const bindings = objects.filter(({ kind }) => kind === 'ValidatingAdmissionPolicyBinding')
    for (const { spec } of policies) expect(spec).toMatchObject({ failurePolicy: 'Fail' })
    for (const { spec } of bindings) expect(spec).toMatchObject({ validationActions: ['Deny'] })
    const bound = new Set(bindings.map(({ spec }) => (spec as { readonly policyName: string }).policyName))
    expect([...bound].sort()).toEqual(policies.map(({ metadata }) => metadata.name).sort())
    expect((await renderObjects(['--set=admissionPolicies.enabled=false'])).filter(isOfPolicies)).toEqual([])
  })

  it('network policies: the webhook for everybody, streams for enrolled pods, metrics for those named', async () => {
    const closed = await renderObjects(['--set=networkPolicy.enabled=true'])
    expect(find(closed, 'NetworkPolicy', 'sallyport-webhook').spec).toMatchObject({
      policyTypes: ['Ingress', 'Egress'],
      ingress: [{ ports: [{ port: 'admission' }] }],
    })
    const enrolled = { matchLabels: { 'sallyport.dev/inject': 'enabled' } }
    expect(find(closed, 'NetworkPolicy', 'sallyport-controller').spec).toMatchObject({
      ingress: [{ ports: [{ port: 'stream' }], from: [{ namespaceSelector: enrolled }, { namespaceSelector: {}, podSelector: enrolled }] }], // prettier-ignore
    })
    const peers = JSON.stringify([{ namespaceSelector: { matchLabels: { name: 'monitoring' } } }])
    const open = await renderObjects(['--set=networkPolicy.enabled=true', `--set-json=networkPolicy.metricsFrom=${peers}`, `--set-json=networkPolicy.webhookFrom=${JSON.stringify([{ ipBlock: { cidr: '10.0.0.1/32' } }])}`]) // prettier-ignore
    for (const role of ['webhook', 'controller'])
      expect(find(open, 'NetworkPolicy', `sallyport-${role}`).spec).toMatchObject({
        ingress: containing([{ ports: [{ port: 'metrics', protocol: 'TCP' }], from: JSON.parse(peers) as unknown }]),
      })
    expect(find(open, 'NetworkPolicy', 'sallyport-webhook').spec).toMatchObject({ ingress: containing([{ ports: [{ port: 'admission', protocol: 'TCP' }], from: [{ ipBlock: { cidr: '10.0.0.1/32' } }] }]) }) // prettier-ignore
  })

  it('the ServiceMonitor: both Services, by a label of yours', async () => {
    const objects = await renderObjects(['--set=serviceMonitor.enabled=true,serviceMonitor.labels.release=prom,serviceMonitor.interval=10s']) // prettier-ignore
    const monitor = find(objects, 'ServiceMonitor', 'sallyport')
    expect(monitor.metadata.labels).toMatchObject({ release: 'prom' })
    const { selector, endpoints } = monitor.spec as { selector: { matchLabels: object }; endpoints: object[] }
    expect(endpoints).toEqual([{ port: 'metrics', interval: '10s' }])
    const services = objects.filter(({ kind }) => kind === 'Service')
    expect(services).toHaveLength(2)
    for (const { metadata, spec } of services) {
      expect(metadata.labels).toMatchObject(selector.matchLabels)
      expect((spec as { ports: { name: string }[] }).ports.map(({ name }) => name)).toContain('metrics')
    }
  })

  it('labels of yours: on every object but the CRDs, and never in a selector', async () => {
    const objects = await renderObjects(['--set=commonLabels.team=data', ...valueSets['everything on']])
    for (const { kind, metadata } of objects.filter(
      ({ kind }) => kind !== 'CustomResourceDefinition' && kind !== 'ConfigMap',
    ))
      // prettier-ignore
      expect([kind, metadata.labels?.team]).toEqual([kind, 'data'])
    expect(JSON.stringify((find(objects, 'Deployment', 'sallyport-webhook').spec as { selector: object }).selector)).not.toContain('team') // prettier-ignore
  })

  it('objects of yours: with their text filled in', async () => {
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: '{{ .Release.Name }}-mine' } }
    const objects = await renderObjects([`--set-json=extraObjects=${JSON.stringify([object])}`])
    expect(find(objects, 'ConfigMap', 'sallyport-mine')).toBeDefined()
  })
})

describe('a wrong value', () => {
  const json = (path: string, value: unknown): readonly string[] => [`--set-json=${path}=${JSON.stringify(value)}`]

  it.each<[string, readonly string[], string]>([
    ['a section that is misspelt', json('webhok.replicas', 3), "'webhok' not allowed"],
    ['a key that is misspelt', json('webhook.replica', 3), "at '/webhook': additional properties 'replica' not allowed"], // prettier-ignore
    ['no replica', json('webhook.replicas', 0), "at '/webhook/replicas'"],
    ['half a replica', json('webhook.replicas', 1.5), "at '/webhook/replicas'"],
    ['replicas in words', json('webhook.replicas', 'two'), "at '/webhook/replicas'"],
    ['a value taken away', json('webhook.replicas', null), "at '/webhook': missing property 'replicas'"],
    ['a log level', json('controller.logLevel', 'verbose'), "at '/controller/logLevel'"],
    ['a timeout longer than the API server allows', json('webhook.timeoutSeconds', 31), "at '/webhook/timeoutSeconds'"],
    ['a drain that does not end', json('webhook.drainSeconds', 601), "at '/webhook/drainSeconds'"],
    ['a privileged port', json('webhook.port', 443), "at '/webhook/port'"],
    ["the kubelet's port on a node", json('webhook.hostNetwork', true), 'webhook.port: choose another than 10250'],
    ['a URL without TLS', json('webhook.url', 'http://10.0.0.1'), "at '/webhook/url'"],
    ['a URL that ends in a slash', json('webhook.url', 'https://10.0.0.1/'), "at '/webhook/url'"],
    ['a URL of the controller without TLS', json('controller.url', 'tcp://10.0.0.1'), "at '/controller/url'"],
    ['a namespace in capitals', json('webhook.excludedNamespaces', ['Kube']), "at '/webhook/excludedNamespaces/0'"],
    ['a namespace twice', json('rbac.databaseNamespaces', ['a', 'a']), "at '/rbac/databaseNamespaces'"],
    ['a budget of none, which would hold a node for ever', json('webhook.podDisruptionBudget.maxUnavailable', 0), "at '/webhook/podDisruptionBudget/maxUnavailable'"], // prettier-ignore
    ['a way to spread', json('webhook.topologySpread.zone', 'Never'), "at '/webhook/topologySpread/zone'"],
    ['a registry in the repository', json('sidecar.image.repository', 'quay.io/a/b'), "at '/sidecar/image/repository'"],
    ['a registry with a scheme', json('global.imageRegistry', 'https://mirror'), "at '/global/imageRegistry'"],
    ['half a digest', json('redirect.image.digest', 'sha256:abc'), "at '/redirect/image/digest'"],
    ['a tag with a space', json('controller.image.tag', '1 0'), "at '/controller/image/tag'"],
    ['a pull policy', json('controller.image.pullPolicy', 'Sometimes'), "at '/controller/image/pullPolicy'"],
    ['pull secrets as names', json('imagePullSecrets', ['login']), "at '/imagePullSecrets/0'"],
    ['a size without a unit', json('persistence.size', '10'), "at '/persistence/size'"],
    ['a size in small letters', json('persistence.size', '10gb'), "at '/persistence/size'"],
    ['yes as a text', json('persistence.enabled', 'yes'), "at '/persistence/enabled'"],
    ['a source of certificates', json('certificates.source', 'Helm'), "at '/certificates/source'"],
    ['no Secret where one is needed', json('certificates.source', 'Secret'), 'certificates.secretName: name your Secret'], // prettier-ignore
    ['a Secret where none is used', json('certificates.secretName', 'mine'), 'certificates.secretName: is for certificates.source Secret only'], // prettier-ignore
    ['an issuer without a name', json('certificates.certManager.issuerRef', { kind: 'ClusterIssuer' }), "at '/certificates/certManager/issuerRef'"], // prettier-ignore
    ['a life in days', json('certificates.certManager.duration', '90d'), "at '/certificates/certManager/duration'"],
    ['memory in words', json('webhook.resources', { limits: { memory: 'much' } }), "at '/webhook/resources/limits/memory'"], // prettier-ignore
    ['resources that are misspelt', json('hooks.resources', { limit: { cpu: 1 } }), "at '/hooks/resources'"],
    ['a toleration', json('controller.tolerations', [{ efect: 'NoSchedule' }]), "at '/controller/tolerations/0'"],
    ['an affinity', json('webhook.affinity', { nodes: {} }), "at '/webhook/affinity'"],
    ["a label that is the release's own", json('commonLabels', { 'app.kubernetes.io/name': 'x' }), "'app.kubernetes.io/name'"], // prettier-ignore
    ['a label that enrols the pods of the release', json('webhook.podLabels', { 'sallyport.dev/inject': 'enabled' }), "'sallyport.dev/inject'"], // prettier-ignore
    ['a value of a label', json('commonLabels', { team: 'a b' }), "at '/commonLabels/team'"],
    ['an annotation that is no text', json('controller.podAnnotations', { a: true }), "at '/controller/podAnnotations/a'"], // prettier-ignore
    ['a priority class', json('controller.priorityClassName', 'Very High'), "at '/controller/priorityClassName'"],
    ['a flag without dashes', json('webhook.extraArgs', ['role=all']), "at '/webhook/extraArgs/0'"],
    ['an address without a prefix', json('networkPolicy.apiServer.cidrs', ['10.0.0.1']), "at '/networkPolicy/apiServer/cidrs/0'"], // prettier-ignore
    ['a port', json('networkPolicy.apiServer.ports', [70_000]), "at '/networkPolicy/apiServer/ports/0'"],
    ['a peer', json('networkPolicy.metricsFrom', [{ namespace: 'monitoring' }]), "at '/networkPolicy/metricsFrom/0'"],
    ['an interval without a unit', json('serviceMonitor.interval', '30'), "at '/serviceMonitor/interval'"],
    ['a hook without time', json('hooks.activeDeadlineSeconds', 1), "at '/hooks/activeDeadlineSeconds'"],
    ['a test in no namespace', json('helmTest.namespace', ''), "at '/helmTest/namespace'"],
    ['an object without a kind', json('extraObjects', [{ apiVersion: 'v1' }]), "at '/extraObjects/0'"],
    ['an option of CRDs', json('crds.install', true), "at '/crds'"],
  ])('%s is refused with its key', async (_name, args, message) => {
    const { code, stderr } = await tryRender(args)
    expect(code).not.toBe(0)
    expect(stderr).toContain(message)
  })
})
