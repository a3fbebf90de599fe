/**
 * Replays every PostgreSQL case of the corpora on the newest and the oldest server, first straight to it, so that the attacks
 * are seen to be real, then through a standalone sidecar; prints passed and failed per category.
 */
import { parseArgs } from 'node:util'
import { FixtureServer } from './fixture-server.ts'
import { directLane, sallyportLane, type GrantKind, type Lane } from './lanes.ts'
import { corpusFiles, readCorpus, type CorpusRecord } from './record.ts'
import { replay } from './replay.ts'
import { judge, judgeBenign, type Verdict } from './verdict.ts'

interface Result {
  readonly record: CorpusRecord
  readonly verdict: Verdict
  readonly sent: number
}

/** Attacks that spread over several statements, each within its limit: only a budget over the whole grant stops them. */
const paging = new Set(['pg-cap-015', 'pg-cap-016', 'pg-cap-017', 'pg-cur-001', 'pg-proto-001', 'pg-proto-002'])

const { values: flags } = parseArgs({
  options: {
    ids: { type: 'string' },
    category: { type: 'string' },
    file: { type: 'string' },
    lane: { type: 'string' },
    servers: { type: 'string', default: '18,13' },
    jobs: { type: 'string', default: '2' },
  },
})
const timeoutMs = 10_000
const ids = flags.ids?.split(',')
const cases = readCorpus().filter(
  ({ id, category, file }) =>
    (ids?.includes(id) ?? true) && (flags.category ?? category) === category && (flags.file ?? file) === file,
)
let failed = 0
for (const version of flags.servers.split(',')) {
  if (version !== '18' && version !== '13') throw new RangeError(`no server ${version}: 18 and 13 are there`)
  await runOn(version)
}
process.exit(flags.lane === 'direct' || failed === 0 ? 0 : 1)

async function runOn(version: '18' | '13'): Promise<void> {
  line(`\nPostgreSQL ${version}`)
  const slots = Array.from({ length: Number(flags.jobs) }, (_, slot) => slot)
  const servers = await Promise.all(slots.map((slot) => FixtureServer.start(slot, version)))
  try {
    if (flags.lane !== 'sallyport') {
      const direct = await runLane('direct', directLane, servers)
      print('straight to the server (an attack that passes here had no effect by itself)', direct)
      const idle = direct.filter(({ record, verdict }) => record.file === 'variants-postgres' && verdict.passed)
      for (const { record } of idle) line(`  ${record.id.padEnd(16)} no effect`)
    }
    if (flags.lane !== 'direct') {
      const through = await runLane('sallyport', sallyportLane, servers)
      print('through the sidecar', through)
      const bad = through.filter(({ verdict }) => !verdict.passed)
      failed += bad.length
      for (const { record, verdict } of bad)
        line(`  ${record.id.padEnd(16)} ${record.expected.padEnd(6)} ${verdict.why.slice(0, 150)}`)
    }
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

async function runLane(
  name: string,
  make: (server: FixtureServer) => Lane,
  servers: readonly FixtureServer[],
): Promise<readonly Result[]> {
  const todo = [...cases]
  const results: Result[] = []
  let records = 0
  const startedMs = performance.now()
  await Promise.all(
    servers.map(async (server) => {
      const lane = make(server)
      for (let record = todo.shift(); record; record = todo.shift())
        results.push(await runCase(record, server, lane, name === 'sallyport'))
      await lane.stop()
      records += lane.auditRecords()
    }),
  )
  const sent = results.reduce((sum, result) => sum + result.sent, 0)
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0)
  line(`\n${name}: ${results.length} cases in ${seconds} s`)
  if (name === 'sallyport') {
    line(`audit: ${sent} statements sent, ${records} statement records: ${records >= sent ? 'ok' : 'MISSING'}`)
    if (records < sent) failed += 1
  }
  return results.sort((a, b) => (a.record.id < b.record.id ? -1 : 1))
}

async function runCase(record: CorpusRecord, server: FixtureServer, lane: Lane, isGuarded: boolean): Promise<Result> {
  const isBenign = record.file === 'benign-postgres'
  const runAs = record.run_as ?? (record.grant === 'masked' ? 'agent_masked' : 'agent_rw')
  const grant = grantOf(record)
  try {
    const target = await lane.target(grant, runAs)
    let reference = null
    if (isBenign && isGuarded) {
      reference = await replay(record, server, await directLane(server).target(grant, runAs), timeoutMs)
      await server.clean()
    }
    const seen = await replay(record, server, target, timeoutMs)
    const verdict = isBenign ? judgeBenign(seen, reference ?? seen) : judge(record, seen)
    await lane.afterCase(grant, runAs)
    return { record, verdict, sent: seen.sent }
  } catch (cause) {
    return { record, verdict: { passed: false, why: `the runner: ${cause instanceof Error ? (cause.stack ?? '') : ''}` }, sent: 0 } // prettier-ignore
  } finally {
    await server.clean()
  }
}

function grantOf({ id, tier, grant }: CorpusRecord): GrantKind {
  if (paging.has(id)) return 'total'
  return tier === 'dump-profile' ? 'dump' : grant
}

function print(title: string, results: readonly Result[]): void {
  for (const file of corpusFiles) {
    const own = results.filter(({ record }) => record.file === file)
    if (own.length === 0) continue
    line(`\n${file}, ${title}: ${passedOf(own)}/${own.length} pass`)
    for (const category of new Set(own.map(({ record }) => record.category))) {
      const of = own.filter(({ record }) => record.category === category)
      line(`  ${category.padEnd(32)} passed ${String(passedOf(of)).padStart(3)}  failed ${of.length - passedOf(of)}`)
    }
  }
}

function passedOf(results: readonly Result[]): number {
  return results.filter(({ verdict }) => verdict.passed).length
}

function line(text: string): void {
  process.stdout.write(`${text}\n`)
}
