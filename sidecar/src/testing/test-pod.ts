import { mkdirSync, mkdtempSync, renameSync, rmSync, readFileSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SidecarStatus, Snapshot } from '@sallyport/crds'
import { firstAuthority } from '../bundle/testing/certificates.ts'
import { TestController, testSnapshot } from '../bundle/testing/test-controller.ts'
import { builtInGuardrails, type ClusterConfig, type Interception } from '../config.ts'
import { freePorts } from './free-ports.ts'

/** A pod's volumes and a controller, for a sidecar that a test runs. */
export class TestPod {
  readonly dir = mkdtempSync(join(tmpdir(), 'sallyport-pod-'))
  readonly probeDir = join(this.dir, 'probe')
  readonly controller = new TestController(firstAuthority)
  readonly healthPort: number
  /** Of the Database `agents/db`. */
  readonly localPort: number
  readonly redirectPort: number

  private constructor([healthPort = 0, localPort = 0, redirectPort = 0]: readonly number[]) {
    this.healthPort = healthPort
    this.localPort = localPort
    this.redirectPort = redirectPort
    mkdirSync(this.probeDir)
    writeFileSync(join(this.dir, 'token'), 'token\n')
  }

  static async start(): Promise<TestPod> {
    const pod = new TestPod(await freePorts(3))
    await pod.controller.listen()
    return pod
  }

  stop(): void {
    this.controller.close()
    rmSync(this.dir, { recursive: true })
  }

  config(changes: Partial<ClusterConfig> = {}): ClusterConfig {
    return {
      kind: 'Cluster',
      logLevel: 'silent',
      guardrailsFile: builtInGuardrails(),
      connectTimeoutMs: 500,
      maxMessageBytes: 1 << 20,
      clientTls: null,
      health: { host: '127.0.0.1', port: this.healthPort },
      controllerUrl: this.controller.url,
      controllerCa: firstAuthority.ca,
      tokenFile: join(this.dir, 'token'),
      spoolDir: join(this.dir, 'spool'),
      spoolMaxBytes: 1 << 20,
      pod: { namespace: 'agents', name: 'report-1', uid: 'uid-1' },
      listen: [],
      interception: { kind: 'Local' },
      drainMs: 3_600_000,
      useHostsFile: false,
      ...changes,
    }
  }

  redirect(): Interception {
    return { kind: 'Redirect', probeDir: this.probeDir, ports: new Map([['agents/db', this.redirectPort]]) }
  }

  /** What `/readyz` answers; 0 where nothing listens. */
  readiness(): Promise<number> {
    return this.#health('/readyz').then(({ status }) => status)
  }

  async metrics(): Promise<string> {
    return (await this.#health('/metrics')).text
  }

  #health(path: string): Promise<{ readonly status: number; readonly text: string }> {
    return new Promise((resolve) => {
      const sent = request({ host: '127.0.0.1', port: this.healthPort, path, agent: false }, (response) => {
        let text = ''
        response.on('data', (chunk: Buffer) => (text += chunk.toString()))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
      })
      sent.on('error', () => resolve({ status: 0, text: '' }))
      sent.end()
    })
  }

  /** Answers the next stream a sidecar opens with a snapshot. */
  async grant(databases: Snapshot['databases']): Promise<ServerResponse> {
    const stream = await this.controller.stream()
    this.send(stream, databases)
    return stream
  }

  send(stream: ServerResponse, databases: Snapshot['databases']): void {
    const revision = `sha256:${String(databases.length).repeat(64)}`
    stream.write(`${JSON.stringify(testSnapshot({ databases, revision }))}\n`)
  }

  /** Plays the probe, once the sidecar has said what to try. */
  async probe(outcome: string): Promise<void> {
    await until(() => this.#targets() !== null)
    const { revision, targets } = this.#targets() ?? { revision: 0, targets: [] }
    const results = targets.map(({ database }) => ({ database, outcome, detail: 'so it is' }))
    const path = join(this.probeDir, 'result.json')
    writeFileSync(`${path}.new`, JSON.stringify({ revision, unixMs: Date.now(), results }))
    renameSync(`${path}.new`, path)
  }

  #targets(): { readonly revision: number; readonly targets: readonly { readonly database: string }[] } | null {
    try {
      const text = readFileSync(join(this.probeDir, 'targets.json'), 'utf8')
      return JSON.parse(text) as { revision: number; targets: { database: string }[] }
    } catch {
      return null
    }
  }

  /** Seals the sidecar told of, as `<status> <reason>`. */
  seals(): readonly string[] {
    const statuses = this.controller.posts.filter(({ path }) => path === '/v1/status')
    return statuses.flatMap(({ body }) => {
      const { seal } = body as SidecarStatus
      return seal ? [`${seal.status} ${seal.reason}`] : []
    })
  }
}

/** Resolves when it holds. */
export async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await check())) await new Promise((resolve) => setTimeout(resolve, 5))
}
