import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { start, until } from '../rig/process.ts'
import { attachCluster, startCluster, type Cluster } from './cluster.ts'
import { clusterFolder } from './config.ts'
import { readDaemons } from './daemons.ts'
import { ClusterError } from './errors.ts'
import { layoutOf } from './layout.ts'
import { clusterState } from './state.ts'
import { leftovers, tearDown } from './teardown.ts'
import { busyboxImage, importBusybox } from './test-image.ts'

let cluster: Cluster
let isOurs = false

beforeAll(async () => {
  const { kind } = clusterState(clusterFolder())
  if (kind === 'up' || kind === 'starting') throw new ClusterError('these tests need the machine: make cluster-down')
  isOurs = true
  // What a start leaves that is killed on its way is in the way of the next, which clears it.
  await killedStart(/API server/)
  cluster = await startCluster()
  await importBusybox(cluster)
  await cluster.mustKubectl(['create', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects() }))
  await cluster.mustKubectl(['wait', '--for=condition=Ready', 'pod/web', 'pod/client', '--timeout=120s'])
})

afterAll(async () => {
  if (isOurs) await tearDown(layoutOf(clusterFolder()))
})

describe('the cluster', () => {
  it('runs a native sidecar before the containers of its pod, and reports both', async () => {
    const pod = JSON.parse(await cluster.mustKubectl(['get', 'pod', 'web', '-o', 'json'])) as PodObject
    expect(pod.status.initContainerStatuses.map(({ name, ready }) => [name, ready])).toEqual([['sidecar', true]])
    expect(pod.status.containerStatuses.map(({ name, ready }) => [name, ready])).toEqual([['web', true]])
    expect(await cluster.mustKubectl(['logs', 'web', '-c', 'web'])).toBe('the sidecar was there\n')
  })

  it('gives logs of a container, and runs commands in it with input', async () => {
    expect(await cluster.mustKubectl(['logs', 'web', '-c', 'sidecar'])).toBe('sidecar\n')
    const echoed = await cluster.mustKubectl(['exec', '-i', 'client', '--', 'cat'], 'through exec')
    expect(echoed).toBe('through exec')
    const failed = await cluster.kubectl(['exec', 'client', '--', 'sh', '-c', 'exit 7'])
    expect(failed.code).toBe(7)
  })

  it.each(['web', 'web.default', 'web.default.svc', 'web.default.svc.cluster.local', 'peers'])(
    'resolves the name %s in a pod',
    async (name) => {
      expect(await inClient(`timeout 10 wget -qO- http://${name}:8080/`)).toBe('hello\n')
    },
  )

  it('answers with the addresses of a headless Service, and that other names do not exist', async () => {
    const { podIPs } = (JSON.parse(await cluster.mustKubectl(['get', 'pod', 'web', '-o', 'json'])) as PodObject).status
    const [a = '', aaaa = ''] = podIPs.map(({ ip }) => ip)
    expect(await lookup('peers.default.svc.cluster.local', 'A')).toContain(a)
    if (cluster.ipv6) expect(await lookup('peers.default.svc.cluster.local', 'AAAA')).toContain(aaaa)
    expect(await lookup('nowhere.example.com', 'A')).toContain('NXDOMAIN')
  })

  it('reaches a Service by its addresses of both families, from a pod and from the node', async () => {
    const service = JSON.parse(await cluster.mustKubectl(['get', 'service', 'web', '-o', 'json'])) as ServiceObject
    const addresses = service.spec.clusterIPs.map((ip) => (ip.includes(':') ? `[${ip}]` : ip))
    expect(addresses).toHaveLength(cluster.ipv6 ? 2 : 1)
    for (const address of addresses) {
      const url = `http://${address}:8080/`
      expect(await inClient(`timeout 10 wget -qO- ${url}`), url).toBe('hello\n')
      expect(await (await fetch(url)).text(), url).toBe('hello\n')
    }
  })

  it('reaches a pod by a port of the node', async () => {
    expect(await (await fetch('http://10.88.0.1:18080/')).text()).toBe('hello\n')
  })

  it('lets a pod reach itself through its own Service', async () => {
    const fetchIt = ['timeout', '10', 'wget', '-qO-', 'http://web:8080/']
    const output = await cluster.mustKubectl(['exec', 'web', '-c', 'web', '--', ...fetchIt])
    expect(output).toBe('hello\n')
  })

  it('lets a pod reach the API server with its own token, and nothing beyond the machine', async () => {
    const account = '/var/run/secrets/kubernetes.io/serviceaccount'
    expect(await inClient(`ls ${account}`)).toBe('ca.crt\nnamespace\ntoken\n')
    expect(await inClient('nc -w 5 kubernetes.default 443 </dev/null && echo open')).toBe('open\n')
    const outside = await cluster.kubectl(['exec', 'client', '--', 'nc', '-w', '5', '192.0.2.77', '443'])
    // Refused by the fence, or unreachable already where the machine has no way out: but never sent.
    expect(outside.stderr).toMatch(/Connection refused|Network is unreachable/)
  })

  it('lets nobody but the API server command the kubelet', async () => {
    const answer = await cluster.kubectl([
      'exec',
      'client',
      '--',
      'wget',
      '-qO-',
      '--no-check-certificate',
      'https://10.88.0.1:10250/pods',
    ])
    expect(answer.stderr).toContain('401')
  })

  it('completes a Job whose pod has a native sidecar', async () => {
    await cluster.mustKubectl(['wait', '--for=condition=Complete', 'job/once', '--timeout=120s'])
  })

  it('gives and takes a namespace', async () => {
    await cluster.mustKubectl(['create', 'namespace', 'shortlived'])
    await cluster.mustKubectl(['delete', 'namespace', 'shortlived', '--timeout=60s'])
  })

  it('is found by another process, and refuses to be started twice', async () => {
    expect(attachCluster().kubeconfig).toBe(cluster.kubeconfig)
    await expect(startCluster()).rejects.toThrow(ClusterError)
  })

  it('leaves nothing, though some of it has died before', async () => {
    const layout = layoutOf(cluster.dir)
    for (const { name, pid } of readDaemons(layout))
      if (name === 'kubelet' || name === 'containerd') process.kill(pid, 'SIGKILL')
    await until(() => clusterState(cluster.dir).kind === 'broken', 'the end of two processes')
    expect(() => attachCluster()).toThrow(/broken/)
    expect(await leftovers(layout)).not.toEqual([])
    await cluster.stop()
    expect(await leftovers(layout)).toEqual([])
    expect(existsSync(layout.dir)).toBe(false)
    await cluster.stop()
  })
})

describe('a start that is killed', () => {
  it.each([
    ['when its device is there', null],
    ['when containerd runs', /containerd/],
    ['when names resolve', /CoreDNS/],
  ])('is taken down %s', async (_, line) => {
    const { dir } = await killedStart(line)
    expect(clusterState(dir).kind).toBe('broken')
    const layout = layoutOf(dir)
    expect(await tearDown(layout)).toEqual([])
    expect(clusterState(dir).kind).toBe('down')
  })
})

/** Starts a cluster in a process of its own and kills it when it says something; null: as soon as anything is there. */
async function killedStart(line: RegExp | null): Promise<{ readonly dir: string }> {
  const starting = start(process.execPath, [join(import.meta.dirname, 'up.ts')])
  const dir = clusterFolder()
  const said = (): boolean => (line ? line.test(starting.log()) : clusterState(dir).kind === 'starting')
  await until(said, 'the moment to kill it', { timeoutMs: 120_000 })
  await starting.stop('SIGKILL')
  return { dir }
}

async function inClient(command: string): Promise<string> {
  return cluster.mustKubectl(['exec', 'client', '--', 'sh', '-c', command])
}

async function lookup(name: string, type: string): Promise<string> {
  const { stdout, stderr } = await cluster.kubectl(['exec', 'client', '--', 'nslookup', `-type=${type}`, name])
  return stdout + stderr
}

interface ContainerStatus {
  readonly name: string
  readonly ready: boolean
}

interface PodObject {
  readonly status: {
    readonly podIPs: readonly { readonly ip: string }[]
    readonly containerStatuses: readonly ContainerStatus[]
    readonly initContainerStatuses: readonly ContainerStatus[]
  }
}

interface ServiceObject {
  readonly spec: { readonly clusterIPs: readonly string[] }
}

function objects(): readonly unknown[] {
  const image = { image: busyboxImage, imagePullPolicy: 'Never' }
  const shell = (script: string): object => ({ ...image, command: ['sh', '-c', script] })
  const shared = { volumeMounts: [{ name: 'shared', mountPath: '/shared' }] }
  const sidecar = {
    name: 'sidecar',
    ...shell('echo sidecar; touch /shared/started; exec sleep 3600'),
    restartPolicy: 'Always',
    startupProbe: { exec: { command: ['test', '-e', '/shared/started'] }, periodSeconds: 1, failureThreshold: 30 },
    ...shared,
  }
  const web = {
    name: 'web',
    ...shell(
      'test -e /shared/started && echo the sidecar was there; echo hello >/tmp/index.html; exec httpd -f -p [::]:8080 -h /tmp',
    ),
    ports: [{ containerPort: 8080, hostPort: 18080 }],
    readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
    ...shared,
  }
  const pod = (name: string, spec: object): object => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: { terminationGracePeriodSeconds: 1, ...spec },
  })
  const service = (name: string, spec: object): object => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector: { app: 'web' }, ipFamilyPolicy: 'PreferDualStack', ports: [{ port: 8080 }], ...spec },
  })
  const volumes = [{ name: 'shared', emptyDir: { medium: 'Memory' } }]
  return [
    pod('web', { initContainers: [sidecar], containers: [web], volumes }),
    pod('client', { containers: [{ name: 'client', ...shell('exec sleep 3600') }] }),
    service('web', {}),
    service('peers', { clusterIP: 'None' }),
    {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'once' },
      spec: {
        template: {
          spec: {
            restartPolicy: 'Never',
            terminationGracePeriodSeconds: 1,
            initContainers: [sidecar],
            containers: [{ name: 'work', ...shell('true') }],
            volumes,
          },
        },
      },
    },
  ]
}
