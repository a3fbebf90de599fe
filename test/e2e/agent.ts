/** What an agent does in its container. */
import type { Target } from './target.ts'

export interface QueryAnswer {
  readonly rows?: readonly Readonly<Record<string, unknown>>[]
  readonly rowCount?: number | null
  readonly error?: {
    readonly message: string
    readonly code?: string
    readonly detail?: string
    readonly severity?: string
    readonly atLogin?: boolean
  }
}

export interface DialAnswer {
  readonly outcome: string
  readonly text: string
}

/** The container `agent` of a pod. */
export class Agent {
  readonly #target: Target
  readonly namespace: string
  /** As in `deployment/report`. */
  readonly of: string

  constructor(target: Target, namespace: string, of: string) {
    this.#target = target
    this.namespace = namespace
    this.of = of
  }

  /** Runs a command in the container. @returns stdout and stderr, whatever its exit code. */
  async sh(
    ...command: readonly string[]
  ): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
    const { code, stdout, stderr } = await this.#target.kubectl(['exec', '-n', this.namespace, this.of, '-c', 'agent', '--', ...command]) // prettier-ignore
    return { code, out: stdout.trim(), err: stderr.trim() }
  }

  /** One connection, these statements. @returns an answer for each, or one for a login that failed. */
  async query(host: string, ...sql: readonly string[]): Promise<readonly QueryAnswer[]> {
    return this.queryAt({ host }, ...sql)
  }

  /** As query, to a port or as a user of one's own choice. */
  async queryAt(
    where: { readonly host: string; readonly port?: number },
    ...sql: readonly string[]
  ): Promise<readonly QueryAnswer[]> {
    // prettier-ignore
    const { out, err } = await this.sh('node', '/scripts/query.mjs', JSON.stringify({ ...where, sql }))
    return parseLine(out, err) as readonly QueryAnswer[]
  }

  /** The reason of the denial of one statement; empty where it was allowed. */
  async reason(host: string, sql: string): Promise<string> {
    const [answer] = await this.query(host, sql)
    return reasonOf(answer)
  }

  /** Dials an address with a login of its own. */
  async dial(host: string, port: number, ...hex: readonly string[]): Promise<DialAnswer> {
    const { out, err } = await this.sh('node', '/scripts/dial.mjs', host, String(port), ...hex)
    return parseLine(out, err) as DialAnswer
  }
}

/** The reason in an answer's DETAIL; the message where it was no denial of ours; empty where it was allowed. */
export function reasonOf(answer: QueryAnswer | undefined): string {
  if (!answer?.error) return ''
  return /reason=([a-z-]+)/.exec(answer.error.detail ?? '')?.[1] ?? answer.error.message
}

function parseLine(out: string, err: string): unknown {
  try {
    return JSON.parse(out.split('\n').at(-1) ?? '')
  } catch {
    throw new Error(`the agent's script printed no JSON: ${out} ${err}`)
  }
}
