/** A control plane of two processes and a controller in it that has no more rights than its ServiceAccount. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SegmentSpec } from '@sallyport/crds'
import { createLogger, parseConfig, runController, type Rooms, type RunningController } from '@sallyport/controller'
import { injectPod, parsePod, sealKeyOf, type InjectionSettings } from '@sallyport/controller/inject'
import { policyCompiler } from '@sallyport/controller/policies'
import { parseAllDocuments } from 'yaml'
import { issueAuthority, issueServing } from '../../controller/src/certificates/issue.ts'
import { startControlPlane, type ControlPlane } from '../rig/control-plane.ts'
import { until } from '../rig/process.ts'
import { requestJson, type JsonRequest } from '../rig/request-json.ts'
import { toolPath } from '../rig/tool-paths.ts'

export interface TestCondition {
  readonly type: string
  readonly status: string
  readonly reason: string
  readonly message: string
  readonly lastTransitionTime?: string
}

/** An answer's JSON as far as these tests look into it; what is not there reads as undefined. */
export interface Body {
  readonly metadata: { readonly name: string; readonly uid: string }
  readonly spec: SegmentSpec
  readonly data?: Readonly<Record<string, string>>
  readonly status?: {
    readonly state?: string
    readonly activatedAt: string
    readonly expiresAt: string
    readonly token: string
    readonly conditions?: readonly TestCondition[]
  }
  readonly items: readonly Body[]
  readonly regarding: { readonly name: string }
  readonly reason: string
  readonly type: string
  readonly note: string
}

export interface Answer {
  readonly status: number
  readonly body: Body
}

export class Cluster {
  #plane: ControlPlane | null = null

  get plane(): ControlPlane {
    if (!this.#plane) throw new Error('the control plane is not up')
    return this.#plane
  }

  get dir(): string {
    return this.plane.dir
  }

  async up(): Promise<void> {
    this.#plane = await startControlPlane()
  }

  async down(): Promise<void> {
    await this.#plane?.stop()
  }

  call(method: string, path: string, body?: unknown, contentType = 'application/json'): Promise<Answer> {
    return https(`${this.plane.url}${path}`, { method, token: this.plane.adminToken, body, contentType })
  }

  async must(method: string, path: string, body?: unknown, contentType?: string): Promise<Body> {
    const answer = await this.call(method, path, body, contentType)
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer.body
  }

  /** The CRDs of the tree. */
  async installCrds(): Promise<void> {
    const folder = join(import.meta.dirname, '../../crds')
    const crds = readdirSync(folder)
      .filter((name) => name.endsWith('.yaml'))
      .flatMap((name) => parseAllDocuments(readFileSync(join(folder, name), 'utf8')).map((doc) => doc.toJS() as object))
    for (const crd of crds) {
      await this.must('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', crd)
    }
    for (const resource of ['accessgrants', 'databases', 'accesspolicies', 'clusteraccesspolicies', 'auditsegments']) {
      await until(
        async () => (await this.call('GET', `/apis/sallyport.dev/v1alpha1/${resource}`)).status === 200,
        resource,
      )
    }
  }

  /** A ServiceAccount with the rights the controller needs, and its token in a file. */
  async installController(): Promise<string> {
    const core = '/api/v1/namespaces'
    await this.must('POST', core, { metadata: { name: 'sallyport-system' } })
    await this.must('POST', `${core}/sallyport-system/secrets`, {
      metadata: { name: 'sallyport-keys' },
      data: { 'hash.key': masterKey.toString('base64') },
    })
    await this.must('POST', `${core}/sallyport-system/serviceaccounts`, { metadata: { name: 'controller' } })
    await this.must('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', {
      metadata: { name: 'sallyport' },
      rules: rules(),
    })
    await this.must('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: 'sallyport' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'sallyport' },
      subjects: [{ kind: 'ServiceAccount', name: 'controller', namespace: 'sallyport-system' }],
    })
    const file = join(this.dir, 'controller.token')
    writeFileSync(file, await this.token('sallyport-system', 'controller'))
    return file
  }

  /** Plays the webhook: a pod with its sidecar. */
  createPod(namespace: string, pod: object): Promise<Body> {
    const parsed = parsePod(pod)
    const result = parsed && injectPod(parsed, { namespace, databases: [] }, injection)
    if (result?.kind !== 'Inject') throw new Error(`${JSON.stringify(pod)} cannot be injected`)
    return this.must('POST', `/api/v1/namespaces/${namespace}/pods`, result.pod)
  }

  async token(
    namespace: string,
    account: string,
    bound?: { name: string; uid: string },
    audience?: string,
  ): Promise<string> {
    const answer = await this.must('POST', `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`, {
      spec: {
        ...(audience ? { audiences: [audience] } : {}),
        expirationSeconds: 3600,
        ...(bound ? { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', ...bound } } : {}),
      },
    })
    return answer.status?.token ?? ''
  }

  async startController(
    tokenFile: string,
    dataDir: string,
    flags: readonly string[] = [],
  ): Promise<RunningController & { readonly stderr: () => string }> {
    const parsed = parseConfig(
      [
        '--role=controller',
        '--server',
        this.plane.url,
        '--ca-file',
        this.plane.caFile,
        '--token-file',
        tokenFile,
        '--stream-address',
        '127.0.0.1:0',
        '--metrics-address',
        '127.0.0.1:0',
        '--data-dir',
        dataDir,
        '--namespace',
        'sallyport-system',
        '--check-pod-address',
        'false',
        '--drain-seconds',
        '0',
        ...flags,
      ],
      {},
    )
    if (!parsed.ok) throw new Error(parsed.problems.join('; '))
    let text = ''
    const log = createLogger('info', {
      write: (line: string) => {
        text += line
      },
    })
    const running = await runController(parsed.config, await rooms(), log)
    return { ...running, stderr: () => text }
  }
}

const masterKey = Buffer.alloc(32, 7)
const injection: InjectionSettings = {
  image: 'sidecar',
  redirectImage: 'redirect',
  controllerUrl: 'https://127.0.0.1:8443',
  caBundle: 'PEM',
  sealKey: sealKeyOf(masterKey),
}

export function https(url: string, options: JsonRequest): Promise<Answer> {
  return requestJson<Body>(url, options)
}

async function rooms(): Promise<Rooms> {
  const authority = await issueAuthority('test', Date.now(), dayMs)
  const certificate = await issueServing(authority, ['127.0.0.1'], Date.now(), dayMs)
  const nothing = { close: () => Promise.resolve() }
  return {
    openCertificates: () =>
      Promise.resolve({
        ...nothing,
        current: () => certificate,
        caBundle: () => authority.cert,
        isPublished: () => true,
        expiresAtMs: () => Date.now() + dayMs,
        subscribe: () => undefined,
      }),
    startAdmission: () => Promise.reject(new Error('this role has no admission')),
    compiler: policyCompiler({ opa: toolPath('opa') }),
  }
}

const dayMs = 86_400_000

function rules(): object[] {
  const group = 'sallyport.dev'
  return [
    {
      apiGroups: [group],
      resources: ['accessgrants', 'databases', 'accesspolicies', 'clusteraccesspolicies'],
      verbs: ['get', 'list', 'watch'],
    },
    {
      apiGroups: [group],
      resources: ['accessgrants/status', 'databases/status', 'accesspolicies/status', 'clusteraccesspolicies/status'],
      verbs: ['patch'],
    },
    { apiGroups: [group], resources: ['auditsegments'], verbs: ['create', 'get', 'list'] },
    { apiGroups: [''], resources: ['pods', 'namespaces'], verbs: ['get', 'list', 'watch'] },
    { apiGroups: [''], resources: ['pods/status'], verbs: ['patch'] },
    { apiGroups: [''], resources: ['secrets'], verbs: ['get', 'create'] },
    {
      apiGroups: ['admissionregistration.k8s.io'],
      resources: ['mutatingwebhookconfigurations'],
      resourceNames: ['sallyport'],
      verbs: ['get'],
    },
    { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
    { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create'] },
  ]
}
