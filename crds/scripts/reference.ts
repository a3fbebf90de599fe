import { schemaOf, type CustomResource, type Schema } from './crd-schema.ts'

/** docs/reference.md: every field of every kind, with its type, bounds and rules. */
export function referenceOf(resources: readonly CustomResource[]): string {
  const head = `<!-- Generated from the CRDs by make generate; do not edit. -->

# Reference

Group \`sallyport.dev\`, version \`v1alpha1\`. \`kubectl get sallyport\` lists objects of all kinds.
`
  return head + resources.map(kindSection).join('')
}

function kindSection(crd: CustomResource): string {
  const { kind, plural, shortNames = [] } = crd.spec.names
  const schema = schemaOf(crd)
  const rows = [
    ...fieldRows(schema.properties?.spec ?? {}, 'spec', true),
    ...fieldRows(schema.properties?.status ?? {}, 'status', false),
  ]
  return `
## ${kind}

${schema.description ?? ''} ${crd.spec.scope}; \`kubectl get ${plural}\`${shortNames.map((name) => `, \`${name}\``).join('')}.

| field | type | what it is |
| --- | --- | --- |
${rows.join('\n')}
`
}

function fieldRows(schema: Schema, path: string, required: boolean): readonly string[] {
  const own = path === 'spec' || path === 'status' ? [] : [row(schema, path, required)]
  const { properties = {}, required: names = [], items } = schema
  const rules = path === 'spec' || path === 'status' ? ruleRows(schema, path) : []
  const below = Object.entries(properties).flatMap(([name, value]) =>
    fieldRows(value, `${path}.${name}`, names.includes(name)),
  )
  const inItems = items?.properties
    ? [...ruleRows(items, `${path}[]`), ...fieldRows(items, `${path}[]`, true).slice(1)]
    : []
  return [...own, ...rules, ...below, ...inItems]
}

function ruleRows(schema: Schema, path: string): readonly string[] {
  const rules = schema['x-kubernetes-validations'] ?? []
  return rules.map(({ message }) => `| \`${path}\` | rule | ${escape(message)} |`)
}

function row(schema: Schema, path: string, required: boolean): string {
  const own = schema['x-kubernetes-validations'] ?? []
  const ofItems = schema.items?.type === 'object' ? [] : (schema.items?.['x-kubernetes-validations'] ?? [])
  const rules = [...own, ...ofItems].map(({ message }) => escape(message.replace(/\.$/, '')))
  const notes = [
    schema.default === undefined ? '' : `Default \`${JSON.stringify(schema.default)}\`.`,
    // A field of a later version says so in its description.
    rules.length > 0 && !isLater(schema) ? `Rule: ${rules.join('; ')}.` : '',
  ].filter((note) => note !== '')
  const text = [escape(schema.description ?? ''), ...notes].join(' ')
  return `| \`${path}\`${required ? ' **required**' : ''} | ${typeOf(schema)} | ${text} |`
}

function isLater(schema: Schema): boolean {
  return (schema['x-kubernetes-validations'] ?? []).some(({ rule }) => rule === 'false')
}

function typeOf(schema: Schema): string {
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(' ')
  if (schema['x-kubernetes-int-or-string'] === true) return 'quantity'
  if (schema.items) return `list of ${typeOf(schema.items)}${bound(schema.maxItems)}`
  if (schema.type === 'integer') return `integer ${schema.minimum ?? ''} to ${schema.maximum ?? ''}`
  return `${schema.type ?? 'any'}${bound(schema.maxLength)}`
}

function bound(max: number | undefined): string {
  return max === undefined ? '' : ` (≤ ${max})`
}

function escape(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('*', '\\*')
}
