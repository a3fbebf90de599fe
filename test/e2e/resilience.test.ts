/**
 * The release is restarted and sidecars are killed, again and again, under load: agents insert rows, and pods are created
 * all the time. No pod is refused that should pass, none is admitted without its sidecar, and nothing is executed that is
 * not in the record.
 */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { start, until, type Started } from '../rig/process.ts'
import { digestOfStatement, recordedStatements, type RecordedStatements } from '../rig/recorded-statements.ts'
import { resilienceRounds } from './config.ts'
import { killSidecar } from './node.ts'
import { installRelease, releaseNamespace, uninstallRelease } from './release.ts'
import { shopHost, shopSql, startShop } from './shop.ts'
import { openTarget, type Target } from './target.ts'
import { agentDeployment, agentPod, giveGrant, makeDatabase, makeNamespace } from './team.ts'
import { toolPath } from '../rig/tool-paths.ts'

const rounds = resilienceRounds()
const namespace = 'agents-chaos'
const deployments = ['deployment/sallyport-webhook', 'deployment/sallyport-controller']

describe('a release that is restarted all the time', () => {
  let target: Target
  let proxy: Proxy

  beforeAll(async () => {
    target = openTarget(inject('e2eTarget'))
    await startShop(target)
    // No pause in which a new replica proves itself: the next restart comes at once.
    await installRelease(target, '--set=webhook.minReadySeconds=0')
    proxy = await openProxy(target)
    await makeNamespace(target, namespace, 'Local')
    await makeDatabase(target, namespace)
    await giveGrant(target, namespace, 'writing', {
      permissions: [{ operations: ['Select', 'Insert'], relations: ['public.ledger'] }],
    })
    const load = JSON.stringify({ host: shopHost, table: 'ledger', clients: 2, paceMs: 50 })
    await target.apply(
      agentDeployment(target, namespace, 'writer', {
        command: ['node', '/scripts/insert-forever.mjs', load],
        graceSeconds: 30,
      }),
    )
    await target.must(['rollout', 'status', 'deployment/writer', '-n', namespace, '--timeout=120s'])
  })

  afterAll(async () => {
    await proxy.process.stop()
    await uninstallRelease(target)
  })

  it(`keeps its promises over ${rounds} restarts and ${rounds} kills`, { timeout: 1_500_000 }, async (context) => {
    if (!target.isOwn) context.skip('processes of the node cannot be killed from here')
    const creation = createPods(target, proxy)
    const restarts = restartRelease(target)
    const kills = killSidecars(target)
    await Promise.all([restarts, kills])
    const { created, refused, naked } = await creation.stop()
    console.log(`${created} pods created during ${rounds} restarts of the release and ${rounds} kills of a sidecar`)
    expect({ refused, naked }).toEqual({ refused: [], naked: [] })
    // What a killed sidecar left is shipped by the next one in its pod: there must be one before the pod goes.
    await newRow(target)
    await target.must(['delete', 'deployment', 'writer', '-n', namespace, '--timeout=60s'])
    await expectEveryRowRecorded(target)
  })
})

async function restartRelease(target: Target): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    await target.must(['rollout', 'restart', '-n', releaseNamespace, ...deployments])
    for (const each of deployments)
      await target.must(['rollout', 'status', '-n', releaseNamespace, each, '--timeout=120s'])
  }
}

async function killSidecars(target: Target): Promise<void> {
  const uid = await target.get('pod -l agent=writer', namespace, '{.items[0].metadata.uid}')
  for (let round = 0; round < rounds; round += 1) {
    await newRow(target)
    killSidecar(uid)
  }
}

async function newRow(target: Target): Promise<void> {
  const before = await countRows(target)
  await until(async () => (await countRows(target)) > before, 'statements go on', { timeoutMs: 120_000 })
}

const countRows = async (target: Target): Promise<number> =>
  Number(await shopSql(target, 'SELECT count(*) FROM ledger'))

interface Creation {
  readonly stop: () => Promise<{
    readonly created: number
    readonly refused: readonly string[]
    readonly naked: readonly string[]
  }>
}

/** Creates pods that no node takes, one after the other, and looks at what was admitted. */
function createPods(target: Target, proxy: Proxy): Creation {
  const state = { running: true, created: 0 }
  const [refused, naked]: [string[], string[]] = [[], []]
  const pod = agentPod(target, { spec: { nodeSelector: { 'sallyport.dev/no-such-node': 'true' } } })
  const body = JSON.stringify({ apiVersion: 'v1', kind: 'Pod', ...pod, metadata: { generateName: 'created-', labels: { app: 'created' } } }) // prettier-ignore
  const path = `/api/v1/namespaces/${namespace}/pods`
  const isRunning = (): boolean => state.running
  const creating = (async () => {
    while (isRunning()) {
      const response = await fetch(`${proxy.url}${path}`, { method: 'POST', body, headers: { 'content-type': 'application/json' } }) // prettier-ignore
      const answer = (await response.json()) as CreatedPod
      if (response.status === 201) {
        state.created += 1
        if (answer.spec?.initContainers?.[0]?.name !== 'sallyport') naked.push(answer.metadata.name ?? '')
        const gone = await fetch(`${proxy.url}${path}/${answer.metadata.name ?? ''}?gracePeriodSeconds=0`, { method: 'DELETE' }) // prettier-ignore
        await gone.arrayBuffer()
      } else refused.push(`${response.status} ${answer.message ?? ''}`)
    }
  })()
  return {
    stop: async () => {
      state.running = false
      await creating
      return { created: state.created, refused, naked }
    },
  }
}

interface CreatedPod {
  readonly message?: string
  readonly metadata: { readonly name?: string }
  readonly spec?: { readonly initContainers?: readonly { readonly name: string }[] }
}

interface Proxy {
  readonly url: string
  readonly process: Started
}

/** kubectl proxy: the API server without a process for every request. */
async function openProxy(target: Target): Promise<Proxy> {
  const process_ = start(toolPath('kubectl'), ['proxy', '--port=0', `--kubeconfig=${target.kubeconfig}`])
  const port = (): string | undefined => /127\.0\.0\.1:(\d+)/.exec(process_.log())?.[1]
  await until(() => port() !== undefined, 'kubectl proxy', { process: process_ })
  return { url: `http://127.0.0.1:${port() ?? ''}`, process: process_ }
}

async function expectEveryRowRecorded(target: Target): Promise<void> {
  const ids = (await shopSql(target, 'SELECT id FROM ledger')).split('\n')
  const digests = ids.map((id) => digestOfStatement(`INSERT INTO ledger (id) VALUES (${id})`))
  let recorded: RecordedStatements = { intents: new Map(), sources: 0 }
  const missing = (): number => digests.filter((digest) => !recorded.intents.has(digest)).length
  await until(
    async () => {
      recorded = recordedStatements(await target.must(['get', 'auditsegments', '-n', releaseNamespace, '-o', 'json']))
      return missing() === 0
    },
    'every row is in the record',
    { timeoutMs: 180_000 },
  ).finally(() => {
    console.log(
      `${ids.length} rows, ${recorded.intents.size} statements recorded by ${recorded.sources} runs of the sidecar`,
    )
  })
  expect(missing()).toBe(0)
  const verified = await target.sallyport(['audit', 'verify', '-n', releaseNamespace])
  expect(`${verified.code} ${verified.stdout}${verified.stderr}`).toMatch(/^0 .*: intact$/m)
}
