/**
 * What a client program prints: one JSON line for each thing it saw. A name that begins with `error:` is of a statement that
 * the server itself must refuse; those of others must succeed.
 */
export type Observation =
  | { readonly name: string; readonly value: unknown }
  | { readonly name: string; readonly error: Readonly<Record<string, unknown>> }

const errorFields = 'severity code message detail hint position where schema table column dataType constraint'.split(
  ' ',
)
/** postgres.js calls them so. */
const aliases: Readonly<Record<string, string>> = {
  schema_name: 'schema',
  table_name: 'table',
  column_name: 'column',
  constraint_name: 'constraint',
}

/** Runs one step and prints what came of it. */
export async function observe(name: string, step: () => Promise<unknown>): Promise<void> {
  const observation = await step().then(
    (value): Observation => ({ name, value: value ?? null }),
    (cause: unknown): Observation => ({ name, error: fieldsOf(cause) }),
  )
  process.stdout.write(`${JSON.stringify(observation, plain)}\n`)
}

function fieldsOf(cause: unknown): Readonly<Record<string, unknown>> {
  const error = cause instanceof Error && cause.cause instanceof Error && !('code' in cause) ? cause.cause : cause
  if (!(error instanceof Error)) return { message: String(error) }
  const fields: Record<string, unknown> = { message: error.message }
  for (const [key, value] of Object.entries(error)) {
    const field = aliases[key] ?? key
    if (errorFields.includes(field) && value !== undefined) fields[field] = value
  }
  return fields
}

/** `toJSON` has run before a replacer sees a value: dates and buffers come as they print, which tells them apart enough. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  return value
}
