import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { FixtureServer } from './fixture-server.ts'
import type { Target } from './lanes.ts'
import type { Observation } from './observation.ts'
import { stepsOf, textOf, type CorpusRecord, type Step } from './record.ts'
import { cancelRequest, errorFields, int16, int32, rowText, WireClient, WireClientError } from './wire-client.ts'

const messageNames: Readonly<Record<string, string>> = {
  D: 'DataRow',
  d: 'CopyData',
  N: 'NoticeResponse',
  E: 'ErrorResponse',
  S: 'ParameterStatus',
  A: 'NotificationResponse',
  V: 'FunctionCallResponse',
  T: 'RowDescription',
}

/** The longest a runaway statement may run on the server when nothing else stops it. */
const safetyMs = 5000

interface Run {
  readonly record: CorpusRecord
  readonly server: FixtureServer
  readonly target: Target
  readonly deadlineMs: number
  readonly clients: Map<string, WireClient>
  /** Those of the agent. */
  readonly own: WireClient[]
  last: WireClient | null
}

/** Replays one case at protocol level; set-up, probes and bystanders go straight to the server. */
export async function replay(
  given: CorpusRecord,
  server: FixtureServer,
  target: Target,
  timeoutMs: number,
): Promise<Observation> {
  const record = localise(given, server)
  const steps = stepsOf(record)
  await server.setup(record.setup ?? [])
  await wall(record, server, target.serverUser)
  const probe = record.evidence?.probe
  const probeBefore = probe === undefined ? '' : await server.probe(probe)
  await server.markLog()
  const sleepMs = steps.reduce((sum, { sleep_s: seconds = 0 }) => sum + seconds * 1000, 0)
  const deadlineMs = performance.now() + timeoutMs + sleepMs
  const run: Run = { record, server, target, deadlineMs, clients: new Map(), own: [], last: null }
  const startedMs = performance.now()
  const failure = await play(run, steps)
  const elapsedS = (performance.now() - startedMs) / 1000
  const isTerminated = steps.some(({ terminate }) => terminate === true)
  const ended = failure instanceof WireClientError && failure.code !== 'timeout'
  const isClosed = ended || (!isTerminated && run.own.some(({ closed }) => closed))
  const followup = await followUp(run)
  const lockFreed = record.id !== 'pg-lock-003' || run.own.some(({ closed }) => closed) || (await isLockFreed(server))
  for (const client of run.clients.values()) client.close()
  await server.settleWrites()
  const probeAfter = probe === undefined ? '' : await server.probe(probe)
  return {
    ...observed(run),
    closed: isClosed,
    hang: failure instanceof WireClientError && failure.code === 'timeout',
    elapsedS,
    probeBefore,
    probeAfter,
    followup,
    lockFreed,
    crash: await target.crash(),
    reached: isReached(await server.readLog(), textOf(record), steps),
    sent: run.own.reduce((sum, client) => sum + Math.max(0, client.sent - (ended || client.closed ? 1 : 0)), 0),
  }
}

/** Servers share the machine: each has its own files, and its own port. */
function localise(record: CorpusRecord, server: FixtureServer): CorpusRecord {
  const own = server.file.replace('out.bin', '')
  const text = JSON.stringify(record).replaceAll('/var/tmp/agent_', own).replaceAll('port=5432', `port=${server.postgres.port}`) // prettier-ignore
  return JSON.parse(text) as CorpusRecord
}

/** What the attack has to beat is set on the role, where the agent did not choose it. */
async function wall({ startup_options: given = '', category }: CorpusRecord, server: FixtureServer, user: string) {
  const options = category === 'resource-exhaustion' ? `${given.replaceAll(/-c statement_timeout=\d+/g, '')} -c statement_timeout=${safetyMs}` : given // prettier-ignore
  for (const [, name = '', value = ''] of options.matchAll(/-c (\w+)=(\S+)/g))
    await server.admin(`ALTER ROLE "${user}" IN DATABASE shop SET ${name} = '${value}'`)
}

/** @returns what ended it, null: nothing did. */
async function play(run: Run, steps: readonly Step[]): Promise<unknown> {
  try {
    for (const [index, step] of steps.entries()) {
      await revokeIfDue(run, index, step)
      await playStep(run, step)
    }
    return null
  } catch (cause) {
    return cause
  }
}

async function revokeIfDue({ record, target }: Run, index: number, step: Step): Promise<void> {
  if (record.category !== 'grant-lifetime') return
  if (step.as_superuser !== undefined || (record.id === 'pg-life-005' && index === 1)) await target.revoke()
}

async function playStep(run: Run, step: Step): Promise<void> {
  const { server, target, clients } = run
  const name = step.conn ?? 'a'
  if (step.startup !== undefined) await open(run, name, step)
  else if (step.sleep_s !== undefined) await delay(step.sleep_s * 1000)
  else if (step.as_superuser !== undefined) await server.probe(step.as_superuser)
  else if (step.cancel_request_with_key_of_conn !== undefined) {
    const key = clients.get(step.cancel_request_with_key_of_conn)?.key
    if (key) await cancelRequest(target.address, key)
  } else {
    const client = clients.get(name) ?? (await open(run, name, {}))
    run.last = client
    await converse(run, client, step)
  }
}

async function converse(run: Run, client: WireClient, step: Step): Promise<void> {
  if (step.query !== undefined) await client.query(step.query)
  else if (step.query_hex !== undefined) await client.query(Buffer.from(step.query_hex, 'hex'))
  else if (step.query_no_wait !== undefined) client.send('Q', Buffer.from(`${step.query_no_wait}\0`))
  else if (step.read_until_ready) await client.untilReady()
  else if (step.read_async_for_s !== undefined) await client.drain(step.read_async_for_s * 1000)
  else if (step.flush) {
    client.send('H')
    await client.drain(250)
  } else if (step.sync) {
    client.send('S')
    await client.untilReady()
  } else if (step.function_call) await callFunction(run, client, step.function_call)
  else if (step.copy_data !== undefined) client.send('d', Buffer.from(step.copy_data.repeat(step.times ?? 1)))
  else if (step.copy_done) {
    client.send('c')
    await client.untilReady('Z')
  } else if (step.copy_fail) {
    client.send('f', Buffer.from('x\0'))
    await client.untilReady()
  } else if (step.raw_bytes_hex !== undefined) {
    client.sendRaw(Buffer.from(step.raw_bytes_hex, 'hex'))
    await client.drain(400)
  } else if (step.terminate) client.close()
  else extended(client, step)
}

function extended(client: WireClient, step: Step): void {
  const { parse, bind, describe, execute, close } = step
  if (parse) {
    const types = (parse.types ?? []).map(int32)
    client.send('P', Buffer.concat([text(parse.name), text(parse.sql), int16(types.length), ...types]))
  } else if (bind) {
    const parameters = (bind.params ?? []).map(parameter)
    const formats = (bind.result_formats ?? []).map(int16)
    client.send('B', Buffer.concat([text(bind.portal), text(bind.stmt), int16(0), int16(parameters.length), ...parameters, int16(formats.length), ...formats])) // prettier-ignore
  } else if (describe) client.send('D', Buffer.concat([Buffer.from(describe.kind ?? 'P'), text(describe.name)]))
  else if (execute) client.send('E', Buffer.concat([text(execute.portal), int32(execute.max_rows ?? 0)]))
  else if (close) client.send('C', Buffer.concat([Buffer.from(close.kind ?? 'P'), text(close.name)]))
  else throw new RangeError(`a step that is not known: ${JSON.stringify(step)}`)
}

async function callFunction(run: Run, client: WireClient, call: NonNullable<Step['function_call']>): Promise<void> {
  const oid = Number(await run.server.probe(`SELECT '${call.function}'::regprocedure::oid`))
  const values = call.args.map((value) => parameter(value))
  client.send('F', Buffer.concat([int32(oid), int16(0), int16(values.length), ...values, int16(0)]))
  await client.untilReady()
}

function parameter(value: string | number | null): Buffer {
  if (value === null) return int32(-1)
  const plain = String(value)
  const bytes = plain.startsWith('hex:') ? Buffer.from(plain.slice(4), 'hex') : Buffer.from(plain)
  return Buffer.concat([int32(bytes.length), bytes])
}

function text(value = ''): Buffer {
  return Buffer.from(`${value}\0`)
}

async function open(run: Run, name: string, step: Step): Promise<WireClient> {
  const { record, server, target, deadlineMs } = run
  const startup = new Map<string, string>([['user', target.user], ['database', 'shop'], ...Object.entries(step.startup ?? {})]) // prettier-ignore
  // Another user's session is a bystander's, not the agent's.
  const isOwn = name === 'a' || startup.get('user') === target.user
  const direct = { path: join(server.postgres.socketDir, `.s.PGSQL.${server.postgres.port}`) }
  const options = {
    address: isOwn ? target.address : direct,
    startup,
    deadlineMs,
    ...(step.ssl_request_first ? { rawFirst: Buffer.from('0000000804d2162f', 'hex') } : {}),
  }
  const client = new WireClient(options)
  run.clients.set(name, client)
  run.last = client
  if (isOwn) run.own.push(client)
  await client.login(options)
  if (record.pre_sql !== undefined) await client.query(record.pre_sql)
  client.before = { ...client.before, messages: client.messages.length, rows: client.rows + client.copyRows }
  return client
}

async function followUp({ record, last }: Run): Promise<string> {
  const sql = record.evidence?.followup
  if (sql === undefined || !last || last.closed) return ''
  try {
    last.deadlineMs = performance.now() + 3000
    const before = last.messages.length
    await last.query(sql)
    return last.messages.slice(before).filter(({ tag }) => tag === 'D').map(({ body }) => rowText(body)).join('|') // prettier-ignore
  } catch (cause) {
    return `EXC ${cause instanceof Error ? cause.message : ''}`
  }
}

async function isLockFreed(server: FixtureServer): Promise<boolean> {
  const endMs = performance.now() + 6000
  while (performance.now() < endMs) {
    if (!(await server.probe('SELECT 1 FROM orders WHERE id = 1 FOR UPDATE NOWAIT')).startsWith('ERR')) return true
    await delay(250)
  }
  return false
}

type Seen = Pick<Observation, 'errors' | 'preErrors' | 'rows' | 'bytes' | 'messages' | 'rowText' | 'tags' | 'victim'>

function observed({ own, clients }: Run): Seen {
  const errorsOf = (client: WireClient, from: number, to?: number) =>
    client.messages
      .slice(from, to)
      .filter(({ tag }) => tag === 'E')
      .map(({ body }) => [errorFields(body).get('C') ?? '', errorFields(body).get('M') ?? ''] as const)
  const after = [...clients.values()].flatMap((client) => client.messages.slice(client.before.messages))
  const victim = clients.get('v')
  return {
    errors: own.flatMap((client) => errorsOf(client, client.before.messages)),
    preErrors: own.flatMap((client) => errorsOf(client, 0, client.before.messages)),
    rows: own.reduce((sum, client) => sum + client.rows + client.copyRows - client.before.rows, 0),
    bytes: own.reduce((sum, client) => sum + client.bytes, 0),
    messages: own.flatMap((client) =>
      client.messages
        // Every login reports its settings.
        .filter(({ tag }, index) => tag in messageNames && (tag !== 'S' || index >= client.before.login))
        .map(({ tag, body }) => [messageNames[tag] ?? tag, body] as const),
    ),
    rowText: after.filter(({ tag }) => tag === 'D').map(({ body }) => rowText(body)).join('|'), // prettier-ignore
    tags: own.flatMap((client) => client.messages.slice(client.before.messages).filter(({ tag }) => tag === 'C').map(({ body }) => body.toString('utf8').replace(/\0$/, ''))), // prettier-ignore
    victim: victim ? errorsOf(victim, 0).map(([code]) => code) : [],
  }
}

/** Did the server's statement log see the attack? */
function isReached(log: string, sql: string | null, steps: readonly Step[]): boolean {
  const texts = sql === null ? steps.flatMap(({ query, parse, query_no_wait: async }) => [query, parse?.sql, async]) : [sql] // prettier-ignore
  return texts.some((one) => {
    const part = one?.replaceAll(/\s+/g, ' ').trim().slice(0, 70) ?? ''
    return part !== '' && log.includes(part)
  })
}
