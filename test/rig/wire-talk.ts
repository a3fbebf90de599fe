import { errorFields, WireClient, WireClientError, type Received } from '../corpus/wire-client.ts'

/** Where a server is spoken to, and as whom. */
export interface TalkTarget {
  readonly address: { readonly path: string } | { readonly host: string; readonly port: number }
  readonly user: string
  readonly database: string
}

/** What is written at once, and how many messages that end a wait (ReadyForQuery, CopyInResponse) are then read. */
export interface Step {
  readonly send: readonly Buffer[]
  readonly waits: number
}

export async function openTalk(
  target: TalkTarget,
  parameters: Readonly<Record<string, string>> = {},
): Promise<WireClient> {
  const startup = new Map([['user', target.user], ['database', target.database], ...Object.entries(parameters)]) // prettier-ignore
  const options = { address: target.address, startup, deadlineMs: performance.now() + 20_000 }
  const client = new WireClient(options)
  await client.login(options)
  return client
}

/** Everything a new session answers to these steps, a line a message. */
export async function talk(target: TalkTarget, steps: readonly Step[]): Promise<readonly string[]> {
  const client = await openTalk(target)
  try {
    for (const { send, waits } of steps) {
      client.sendRaw(Buffer.concat(send))
      for (let left = waits; left > 0; left -= 1) await client.untilReady('ZG')
    }
    return client.messages.slice(client.before.login).map(readable)
  } catch (cause) {
    if (!(cause instanceof WireClientError && cause.code === 'closed')) throw cause
    return [...client.messages.slice(client.before.login).map(readable), 'closed']
  } finally {
    client.close()
  }
}

function readable({ tag, body }: Received): string {
  if (tag !== 'E' && tag !== 'N') return `${tag} ${JSON.stringify(body.toString('latin1'))}`
  return `${tag} ${JSON.stringify(Object.fromEntries(errorFields(body)))}`
}
