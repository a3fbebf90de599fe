import { Document, isMap, isNode, isScalar, parseDocument, type Pair, type YAMLMap } from 'yaml'

/** The parts of a JSON schema (draft 2020-12) that values.schema.json uses and the table shows. */
export interface ValuesSchema {
  readonly $ref?: string
  readonly $defs?: Readonly<Record<string, ValuesSchema>>
  readonly type?: string
  readonly enum?: readonly string[]
  readonly const?: unknown
  readonly anyOf?: readonly ValuesSchema[]
  readonly items?: ValuesSchema
  readonly minimum?: number
  readonly maximum?: number
  readonly properties?: Readonly<Record<string, ValuesSchema>>
}

interface Value {
  readonly path: string
  readonly type: string
  readonly fallback: string
  readonly text: string
}

/** A broken values.yaml: what must be changed, each with the path of its key. */
export class ValuesError extends Error {
  override readonly name = 'ValuesError'
}

/**
 * docs/values.md: every value of the chart with type, default and the comment above it.
 * @param text  of values.yaml.
 * @throws ValuesError where a value has no comment, or values and schema do not have the same keys.
 */
export function valuesTable(text: string, schema: ValuesSchema): string {
  const root = parseDocument(text).contents
  if (!isMap(root)) throw new ValuesError('values.yaml: must be a map')
  const problems: string[] = []
  const reader: Reader = { definitions: schema.$defs ?? {}, problems }
  compareKeys(root, schema, '', problems)
  const sections = root.items.map((pair, index) => {
    const name = keyOf(pair)
    const values = valuesOf(reader, pair, comment(root, pair, index), schema.properties?.[name] ?? {}, '')
    const about = isBranch(pair.value) ? comment(root, pair, index) : ''
    return `\n## ${name}\n\n${about === '' ? '' : `${about}\n\n`}${table(values)}`
  })
  if (problems.length > 0) throw new ValuesError(problems.join('\n'))
  return `<!-- Generated from charts/sallyport/values.yaml by make generate; do not edit. -->

# Values of the chart

A value that is wrong, misspelt or unknown is refused by helm with its key.
${sections.join('')}`
}

interface Reader {
  readonly definitions: Readonly<Record<string, ValuesSchema>>
  readonly problems: string[]
}

function valuesOf(reader: Reader, pair: Pair, text: string, schema: ValuesSchema, prefix: string): readonly Value[] {
  const path = `${prefix}${keyOf(pair)}`
  const resolved = resolve(reader, schema)
  const { value } = pair
  if (!isBranch(value)) {
    if (text === '') reader.problems.push(`${path}: has no comment`)
    return [{ path, type: typeOf(reader, resolved), fallback: JSON.stringify(toJson(value)), text }]
  }
  compareKeys(value, resolved, `${path}.`, reader.problems)
  return value.items.flatMap((child, index) =>
    valuesOf(reader, child, comment(value, child, index), resolved.properties?.[keyOf(child)] ?? {}, `${path}.`),
  )
}

/** A map is a value of its own unless what is in it is described. */
function isBranch(value: unknown): value is YAMLMap {
  return isMap(value) && value.items.some((pair, index) => comment(value, pair, index) !== '' || isBranch(pair.value))
}

function compareKeys(map: YAMLMap, schema: ValuesSchema, prefix: string, problems: string[]): void {
  const known = Object.keys(schema.properties ?? {})
  const given = map.items.map(keyOf)
  for (const key of given) if (!known.includes(key)) problems.push(`${prefix}${key}: is not in the schema`)
  for (const key of known) if (!given.includes(key)) problems.push(`${prefix}${key}: is not in values.yaml`)
}

/** What stands right above a key; above the first key of a map the parser gives it to the map. */
function comment(map: YAMLMap, { key }: Pair, index: number): string {
  const own = isScalar(key) ? key.commentBefore : undefined
  const text = own ?? (index === 0 ? map.commentBefore : undefined) ?? ''
  const paragraph = text.split('\n\n').at(-1) ?? ''
  return paragraph
    .split('\n')
    .map((line) => line.trim())
    .join(' ')
    .trim()
}

function keyOf({ key }: Pair): string {
  return isScalar(key) ? String(key.value) : ''
}

function toJson(value: unknown): unknown {
  return isNode(value) ? value.toJS(new Document()) : null
}

function resolve(reader: Reader, schema: ValuesSchema): ValuesSchema {
  const [, name] = /^#\/\$defs\/(.+)$/.exec(schema.$ref ?? '') ?? []
  return name === undefined ? schema : (reader.definitions[name] ?? {})
}

function typeOf(reader: Reader, schema: ValuesSchema): string {
  const { enum: allowed, anyOf, items, minimum, maximum, type = 'any' } = resolve(reader, schema)
  if (allowed) return allowed.map((value) => `\`${value}\``).join(' ')
  if (anyOf) {
    const shown = anyOf.filter((each) => each.const === undefined).map((each) => typeOf(reader, each))
    return [...new Set(shown)].join(' or ')
  }
  if (items) return `list of ${typeOf(reader, items)}`
  if (type === 'integer' && minimum !== undefined && maximum !== undefined) return `integer ${minimum} to ${maximum}`
  return type
}

function table(values: readonly Value[]): string {
  const rows = values.map(
    ({ path, type, fallback, text }) => `| \`${path}\` | ${type} | \`${escape(fallback)}\` | ${escape(text)} |`,
  )
  return `| value | type | default | what it is |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`
}

function escape(text: string): string {
  return text.replaceAll('|', '\\|')
}
