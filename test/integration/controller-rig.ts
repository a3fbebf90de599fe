/** A control plane of two processes and a controller in it that has no more rights than its ServiceAccount. */
import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { digestOfBytes, type SegmentSpec } from '@sallyport/crds'
import { createLogger, parseConfig, runController, type Rooms, type RunningController } from '@sallyport/controller'
import { parseAllDocuments } from 'yaml'
import { freePort } from '../rig/free-port.ts'
import { start, until, type Started } from '../rig/process.ts'
import { toolPath } from '../rig/tool-paths.ts'

const exec = promisify(execFile)

export interface TestCondition {
  readonly type: string
  readonly status: string
  readonly reason: string
  readonly message: string
}

/** An answer's JSON as far as these tests look into it; what is not there reads as undefined. */
export interface Body {
  readonly metadata: { readonly name: string; readonly uid: string }
  readonly spec: SegmentSpec
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
}

export interface Answer {
  readonly status: number
  readonly body: Body
}

export class Cluster {
  readonly dir = mkdtempSync(join(tmpdir(), 'sallyport-controller-'))
  port = 0
  #etcd: Started | null = null
  #server: Started | null = null

  async up(): Promise<void> {
    const [client, peer, port] = [await freePort(), await freePort(), await freePort()]
    this.port = port
    const url = `http://127.0.0.1:${client}`
    const peerUrl = `http://127.0.0.1:${peer}`
    this.#etcd = start(toolPath('etcd'), [
      `--data-dir=${this.dir}/etcd`,
      `--listen-client-urls=${url}`,
      `--advertise-client-urls=${url}`,
      `--listen-peer-urls=${peerUrl}`,
      `--initial-advertise-peer-urls=${peerUrl}`,
      `--initial-cluster=default=${peerUrl}`,
      '--unsafe-no-fsync',
      '--log-level=error',
    ])
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    writeFileSync(join(this.dir, 'sa.key'), privateKey.export({ type: 'pkcs1', format: 'pem' }))
    writeFileSync(join(this.dir, 'tokens.csv'), 'admin-token,admin,admin,system:masters\n')
    this.#server = start(toolPath('kube-apiserver'), [
      `--etcd-servers=${url}`,
      `--secure-port=${port}`,
      '--bind-address=127.0.0.1',
      `--cert-dir=${this.dir}/certs`,
      `--service-account-key-file=${this.dir}/sa.key`,
      `--service-account-signing-key-file=${this.dir}/sa.key`,
      '--service-account-issuer=https://kubernetes.default.svc',
      `--token-auth-file=${this.dir}/tokens.csv`,
      '--authorization-mode=RBAC',
      '--service-cluster-ip-range=10.96.0.0/16',
      '--disable-admission-plugins=ServiceAccount',
    ])
    const server = this.#server
    await until(async () => (await this.call('GET', '/readyz').catch(() => null))?.status === 200, 'the API server', {
      process: server,
      timeoutMs: 60_000,
    })
  }

  async down(): Promise<void> {
    await this.#server?.stop('SIGKILL')
    await this.#etcd?.stop('SIGKILL')
    rmSync(this.dir, { recursive: true, force: true })
  }

  call(method: string, path: string, body?: unknown, contentType = 'application/json'): Promise<Answer> {
    return https(`https://127.0.0.1:${this.port}${path}`, { method, token: 'admin-token', body, contentType })
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
    for (const crd of crds.length > 0 ? crds : openCrds()) {
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
  ): Promise<RunningController & { readonly stderr: () => string }> {
    const parsed = parseConfig(
      [
        '--server',
        `https://127.0.0.1:${this.port}`,
        '--ca-file',
        join(this.dir, 'certs/apiserver.crt'),
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
        '--drain-seconds',
        '0',
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
    const running = await runController(parsed.config, await rooms(this.dir), log)
    return { ...running, stderr: () => text }
  }
}

export function https(
  url: string,
  {
    method = 'GET',
    token,
    body,
    contentType = 'application/json',
  }: { method?: string; token?: string; body?: unknown; contentType?: string },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { ...(token ? { authorization: `Bearer ${token}` } : {}), 'content-type': contentType }
    const sent = request(url, { method, headers, rejectUnauthorized: false, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        resolve({ status: response.statusCode ?? 0, body: parseBody(text) })
      })
    })
    sent.on('error', reject)
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

function parseBody(text: string): Body {
  try {
    return JSON.parse(text) as Body
  } catch {
    return { text } as unknown as Body
  }
}

async function rooms(dir: string): Promise<Rooms> {
  const [key, cert] = [join(dir, 'serve.key'), join(dir, 'serve.crt')]
  await exec('openssl', [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-subj',
    '/CN=127.0.0.1',
    '-addext',
    'subjectAltName=IP:127.0.0.1',
    '-days',
    '2',
    '-keyout',
    key,
    '-out',
    cert,
  ])
  const certificate = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  const nothing = { close: () => Promise.resolve() }
  return {
    openCertificates: () =>
      Promise.resolve({
        ...nothing,
        current: () => certificate,
        caBundle: () => certificate.cert,
        isPublished: () => true,
        subscribe: () => undefined,
      }),
    startAdmission: () => Promise.resolve(nothing),
    compiler: { version: '1', compile: (rego) => compile(rego) },
  }
}

async function compile(rego: string): ReturnType<Rooms['compiler']['compile']> {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-rego-'))
  try {
    writeFileSync(join(dir, 'policy.rego'), rego)
    await exec(toolPath('opa'), ['build', '-t', 'wasm', '-e', 'policy/deny', '-o', 'b.tar.gz', 'policy.rego'], {
      cwd: dir,
    })
    await exec('tar', ['xzf', 'b.tar.gz', '/policy.wasm'], { cwd: dir })
    const wasm = readFileSync(join(dir, 'policy.wasm'))
    return { ok: true, wasm, digest: digestOfBytes(wasm), volatile: false }
  } catch (error) {
    return {
      ok: false,
      problems: [error instanceof Error && 'stdout' in error ? String(error.stdout).trim() : String(error)],
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

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
    { apiGroups: [''], resources: ['secrets'], verbs: ['get', 'create'] },
    { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
    { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] },
  ]
}

/** Where the tree has no CRDs: kinds without a schema. */
function openCrds(): object[] {
  const kinds = [
    ['AccessGrant', true],
    ['Database', true],
    ['AccessPolicy', true],
    ['ClusterAccessPolicy', false],
    ['AuditSegment', true],
  ] as const
  return kinds.map(([kind, namespaced]) => {
    const plural =
      kind === 'AccessPolicy' || kind === 'ClusterAccessPolicy'
        ? `${kind.slice(0, -1).toLowerCase()}ies`
        : `${kind.toLowerCase()}s`
    const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
    return {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `${plural}.sallyport.dev` },
      spec: {
        group: 'sallyport.dev',
        scope: namespaced ? 'Namespaced' : 'Cluster',
        names: { kind, plural, singular: kind.toLowerCase() },
        versions: [
          {
            name: 'v1alpha1',
            served: true,
            storage: true,
            subresources: { status: {} },
            schema: { openAPIV3Schema: { type: 'object', properties: { spec: open, status: open } } },
          },
        ],
      },
    }
  })
}
