import { describe, expect, it } from 'vitest'
import { parsePod, type Pod } from './pod.ts'
import { injectionReasons } from './pod-problem.ts'
import { podProblems, type PodRules } from './pod-problems.ts'

const rules: PodRules = {
  mode: 'Local',
  controllerUrl: 'https://sallyport-controller.sallyport-system.svc:8443',
  databases: [{ namespace: 'agents', name: 'orders', host: 'orders-db.prod.svc', port: 5432, localPort: 15_432 }],
}
const redirect: PodRules = { ...rules, mode: 'Redirect' }
const restricted = { runAsUser: 1000, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }

function pod(metadata: object, spec: object = {}): Pod {
  const parsed = parsePod({ metadata, spec: { containers: [{ name: 'app', image: 'app' }], ...spec } })
  if (!parsed) throw new Error('not a pod')
  return parsed
}
const app = (fields: object): Pod => pod({}, { containers: [{ name: 'app', ...fields }] })
const secured = (fields: object): Pod => app({ securityContext: { ...restricted, ...fields } })
const annotated = (name: string, value: string): Pod => pod({ annotations: { [name]: value } })
const projected = (audience: string): object => ({ projected: { sources: [{ serviceAccountToken: { audience } }] } })

const refused: [string, string, Pod, PodRules?][] = [
  ['inject-label-unknown', 'metadata.labels["sallyport.dev/inject"]', pod({ labels: { 'sallyport.dev/inject': 'disabled' } })], // prettier-ignore
  ['annotation-forged', 'metadata.annotations["sallyport.dev/injected"]', annotated('sallyport.dev/injected', 'x')],
  ['annotation-forged', 'metadata.annotations["sallyport.dev/injection"]', annotated('sallyport.dev/injection', 'x')],
  ['mirror-pod', 'metadata.annotations["kubernetes.io/config.mirror"]', annotated('kubernetes.io/config.mirror', 'x')],
  ['default-container', 'metadata.annotations["kubectl.kubernetes.io/default-container"]', annotated('kubectl.kubernetes.io/default-container', 'sallyport')], // prettier-ignore
  ['interception-unknown', 'metadata.annotations["sallyport.dev/interception"]', annotated('sallyport.dev/interception', 'redirect')], // prettier-ignore
  ['interception-unknown', 'namespace metadata.annotations["sallyport.dev/interception"]', pod({}), { ...rules, interception: 'Off' }], // prettier-ignore
  ['interception-loosened', 'metadata.annotations["sallyport.dev/interception"]', { ...secured({}), metadata: { annotations: { 'sallyport.dev/interception': 'Local' } } }, { ...redirect, interception: 'Redirect' }], // prettier-ignore
  ['host-network', 'spec.hostNetwork', pod({}, { hostNetwork: true })],
  ['host-pid', 'spec.hostPID', pod({}, { hostPID: true })],
  ['host-ipc', 'spec.hostIPC', pod({}, { hostIPC: true })],
  ['shared-process-namespace', 'spec.shareProcessNamespace', pod({}, { shareProcessNamespace: true })],
  ['windows', 'spec.os.name', pod({}, { os: { name: 'windows' } })],
  ['uid-taken', 'spec.securityContext.runAsUser', pod({}, { securityContext: { runAsUser: 5555 } })],
  ['uid-taken', 'spec.containers[0].securityContext.runAsUser', app({ securityContext: { runAsUser: 5556 } })],
  ['dns-changed', 'spec.dnsPolicy', pod({}, { dnsPolicy: 'None' })],
  ['dns-changed', 'spec.dnsConfig.nameservers', pod({}, { dnsConfig: { nameservers: ['10.9.9.9'] } })],
  ['dns-changed', 'spec.dnsConfig.searches', pod({}, { dnsConfig: { searches: ['evil.example'] } })],
  ['sysctl-unknown', 'spec.securityContext.sysctls[0].name', pod({}, { securityContext: { sysctls: [{ name: 'net/ipv4/conf/all/route_localnet', value: '1' }] } })], // prettier-ignore
  ['host-alias-taken', 'spec.hostAliases[0].hostnames[1]', pod({}, { hostAliases: [{ ip: '10.0.0.9', hostnames: ['x', 'ORDERS-db.prod.svc'] }] })], // prettier-ignore
  ['host-alias-taken', 'spec.hostAliases[0].hostnames[0]', pod({}, { hostAliases: [{ ip: '10.0.0.9', hostnames: ['sallyport-controller.sallyport-system.svc'] }] })], // prettier-ignore
  ['host-alias-taken', 'spec.hostAliases[0].ip', pod({}, { hostAliases: [{ ip: '127.20.0.7', hostnames: ['x'] }] })],
  ['volume-name-taken', 'spec.volumes[0].name', pod({}, { volumes: [{ name: 'sallyport-spool', emptyDir: {} }] })],
  ['volume-name-taken', 'spec.containers[0].volumeMounts[0].name', app({ volumeMounts: [{ name: 'sallyport-token' }] })], // prettier-ignore
  ['volume-name-taken', 'spec.containers[0].volumeDevices[0].name', app({ volumeDevices: [{ name: 'sallyport-x' }] })],
  ['volume-name-taken', 'spec.containers[0].env[0].valueFrom.fileKeyRef.volumeName', app({ env: [{ name: 'X', valueFrom: { fileKeyRef: { volumeName: 'sallyport-spool', path: 'x', key: 'k' } } }] })], // prettier-ignore
  ['host-path', 'spec.volumes[0].hostPath', pod({}, { volumes: [{ name: 'node', hostPath: { path: '/var/lib/kubelet' } }] })], // prettier-ignore
  ['token-audience-taken', 'spec.volumes[0].projected.sources[0].serviceAccountToken.audience', pod({}, { volumes: [{ name: 't', ...projected('sallyport.dev') }] })], // prettier-ignore
  ['container-name-taken', 'spec.initContainers[0].name', pod({}, { initContainers: [{ name: 'sallyport', image: 'evil' }] })], // prettier-ignore
  ['container-name-taken', 'spec.containers[0].name', pod({}, { containers: [{ name: 'sallyport-x' }] })],
  ['ephemeral-container', 'spec.ephemeralContainers[0]', pod({}, { ephemeralContainers: [{ name: 'debug' }] })],
  ['privileged', 'spec.containers[0].securityContext.privileged', app({ securityContext: { privileged: true } })],
  ['proc-mount', 'spec.containers[0].securityContext.procMount', app({ securityContext: { procMount: 'Unmasked' } })],
  ['capability-added', 'spec.containers[0].securityContext.capabilities.add[1]', app({ securityContext: { capabilities: { add: ['CHOWN', 'NET_ADMIN'] } } })], // prettier-ignore
  ['port-taken', 'spec.containers[0].ports[0].containerPort', app({ ports: [{ containerPort: 15_901 }] })],
  ['port-taken', 'spec.containers[0].ports[0].containerPort', app({ ports: [{ containerPort: 15_432 }] })],
  ['port-taken', 'spec.containers[0].ports[0].hostPort', app({ ports: [{ containerPort: 80, hostPort: 15_999 }] })],
  ['user-unset', 'spec.containers[0].securityContext.runAsUser', secured({ runAsUser: null, runAsNonRoot: true }), redirect], // prettier-ignore
  ['root-user', 'spec.containers[0].securityContext.runAsUser', secured({ runAsUser: 0 }), redirect],
  ['escalation-allowed', 'spec.containers[0].securityContext.allowPrivilegeEscalation', secured({ allowPrivilegeEscalation: null }), redirect], // prettier-ignore
  ['capabilities-kept', 'spec.containers[0].securityContext.capabilities.drop', secured({ capabilities: { drop: ['NET_RAW'] } }), redirect], // prettier-ignore
  ['capability-added', 'spec.containers[0].securityContext.capabilities.add', secured({ capabilities: { drop: ['ALL'], add: ['CHOWN'] } }), redirect], // prettier-ignore
]

describe('podProblems', () => {
  it.each(refused)('says %s at %s, and nothing else', (reason, path, subject, under = rules) => {
    expect(podProblems(subject, under).map((problem) => [problem.reason, problem.path])).toEqual([[reason, path]])
  })

  it('has a case above for every reason', () => {
    expect([...new Set(refused.map(([reason]) => reason))].sort()).toEqual([...injectionReasons].sort())
  })

  it('says everything that is wrong at once', () => {
    const reasons = podProblems(pod({}, { hostNetwork: true, hostPID: true }), rules).map(({ reason }) => reason)
    expect(reasons).toEqual(['host-network', 'host-pid'])
  })

  it.each<[string, Pod, PodRules]>([
    ['groups of the sidecar, which own nothing of it', pod({}, { securityContext: { runAsGroup: 5555, fsGroup: 5555, supplementalGroups: [5556] } }), rules], // prettier-ignore
    ['the cluster’s DNS with options', pod({}, { dnsPolicy: 'ClusterFirst', dnsConfig: { options: [{ name: 'ndots', value: '2' }] } }), rules], // prettier-ignore
    ['a safe sysctl', pod({}, { securityContext: { sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }] } }), rules], // prettier-ignore
    ['a token for somebody else', pod({}, { volumes: [{ name: 't', ...projected('vault') }] }), rules],
    ['the user of the pod', pod({}, { securityContext: { runAsUser: 1000 }, containers: [{ name: 'app', securityContext: { ...restricted, runAsUser: null } }] }), redirect], // prettier-ignore
    ['what a Pod Security Standard lets one add', app({ securityContext: { capabilities: { add: ['NET_BIND_SERVICE'] } } }), rules], // prettier-ignore
  ])('finds nothing in a pod with %s', (_what, subject, under) => {
    expect(podProblems(subject, under)).toEqual([])
  })
})

describe('parsePod', () => {
  it.each<[string, unknown]>([
    ['no object', 'pod'],
    ['no spec', { metadata: {} }],
    ['no containers', { spec: {} }],
    ['containers that are none', { spec: { containers: ['app'] } }],
    ['a container without a name', { spec: { containers: [{}] } }],
    ['labels that are no text', { metadata: { labels: { a: 1 } }, spec: { containers: [] } }],
    ['ports that are no list', { spec: { containers: [{ name: 'app', ports: 80 }] } }],
    ['mounts without a name', { spec: { containers: [{ name: 'app', volumeMounts: [{}] }] } }],
    ['capabilities that are no list', { spec: { containers: [{ name: 'app', securityContext: { capabilities: { add: 'ALL' } } }] } }], // prettier-ignore
    ['a user by name', { spec: { containers: [], securityContext: { runAsUser: 'root' } } }],
    ['a volume without a name', { spec: { containers: [], volumes: [{ emptyDir: {} }] } }],
    ['an alias without an address', { spec: { containers: [], hostAliases: [{}] } }],
  ])('takes %s for no pod', (_what, value) => {
    expect(parsePod(value)).toBeNull()
  })

  it('takes null for absent, as the API server does', () => {
    const parsed = parsePod({ metadata: null, spec: { containers: [{ name: 'app', ports: null }], volumes: null } })
    expect(parsed).toEqual({ metadata: {}, spec: { containers: [{ name: 'app' }] } })
  })
})
