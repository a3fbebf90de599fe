import type { GrantBinding } from '@sallyport/crds'
import type { SettingChange } from '../model/statement-facts.ts'

/** What a StartupMessage asks for, taken apart (manual, "Start-up" and the entry of `options`). */
export interface StartupRequest {
  readonly user: string
  /** Null: not named. */
  readonly database: string | null
  readonly applicationName: string
  readonly settings: readonly SettingChange[]
  readonly replication: boolean
  /** Names of `_pq_.` options the client asked for. */
  readonly protocolOptions: readonly string[]
}

export type StartupResult =
  | { readonly kind: 'Request'; readonly request: StartupRequest }
  | { readonly kind: 'Malformed'; readonly message: string }

export function readStartup(parameters: ReadonlyMap<string, string>): StartupResult {
  const protocolOptions: string[] = []
  // As the server has it, a parameter of its own counts more than the same one in `options`, wherever that stands.
  const options = parseOptions(parameters.get('options') ?? '')
  if (!options) return { kind: 'Malformed', message: 'options: expected -c name=value or --name=value' }
  const settings: SettingChange[] = [...options]
  for (const [key, value] of parameters) {
    if (['user', 'database', 'replication', 'options'].includes(key)) continue
    if (key.startsWith('_pq_.')) {
      protocolOptions.push(key)
    } else {
      settings.push({ name: key.toLowerCase(), value, opaque: false })
    }
  }
  return {
    kind: 'Request',
    request: {
      user: parameters.get('user') ?? '',
      database: parameters.get('database') ?? null,
      applicationName: settings.findLast(({ name }) => name === 'application_name')?.value ?? '',
      settings,
      replication: !/^(|false|off|no|0)$/i.test(parameters.get('replication') ?? ''),
      protocolOptions,
    },
  }
}

/** `-c k=v`, `-ck=v`, `--k=v`, blanks escaped by a backslash, dashes in names as underscores. Null: anything else. */
export function parseOptions(text: string): readonly SettingChange[] | null {
  const words = splitWords(text)
  const settings: SettingChange[] = []
  for (let index = 0; index < words.length; index++) {
    let word = words[index] ?? ''
    if (word === '-c') word = `-c${words[++index] ?? ''}`
    const match = /^(?:-c|--)([\w.-]+)=(.*)$/s.exec(word)
    if (!match) return null
    const [, name = '', value = ''] = match
    settings.push({ name: name.toLowerCase().replaceAll('-', '_'), value, opaque: false })
  }
  return settings
}

function splitWords(text: string): readonly string[] {
  const words: string[] = []
  let word = ''
  let started = false
  for (let index = 0; index < text.length; index++) {
    const character = text[index] ?? ''
    if (/\s/.test(character)) {
      if (started) words.push(word)
      word = ''
      started = false
      continue
    }
    started = true
    word += character === '\\' ? (text[++index] ?? '') : character
  }
  if (started) words.push(word)
  return words
}

/**
 * Settings of the upstream session: what the client asked for and may have, and above it what we pin. Values of the
 * start-up packet are what RESET and DISCARD ALL go back to, so a pin needs no repeating.
 */
export function upstreamParameters(
  request: StartupRequest,
  grants: readonly GrantBinding[],
): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>()
  for (const { name, value } of request.settings) if (value !== null) parameters.set(name, value)
  parameters.set('client_encoding', 'UTF8')
  parameters.set('standard_conforming_strings', 'on')
  pinTimeout(parameters, 'statement_timeout', grants, (grant) => grant.limits.statementTimeoutMs)
  pinTimeout(parameters, 'idle_in_transaction_session_timeout', grants, (grant) => grant.limits.idleInTransactionMs)
  return parameters
}

/** The largest of the grants, as each statement is held to its own grant's besides; a smaller one of the client stays. */
function pinTimeout(
  parameters: Map<string, string>,
  name: string,
  grants: readonly GrantBinding[],
  limitOf: (grant: GrantBinding) => number | undefined,
): void {
  const limits = grants.map(limitOf)
  const known = limits.filter((limit) => limit !== undefined)
  if (known.length === 0 || known.length < limits.length) return
  const largest = Math.max(...known)
  const asked = Number(parameters.get(name))
  parameters.set(name, String(asked > 0 && asked < largest ? asked : largest))
}
