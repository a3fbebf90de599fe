/**
 * Checks one of our own manifests by itself, against the schemas and rules of the CRDs: the same that the API server
 * refuses, all problems at once, without an API server.
 */
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import ajvFormats from 'ajv-formats'
import { checkOf } from './cel-rules.ts'
import type { ManifestSchema } from './manifest-schema.ts'
import { clusterScopedKinds, manifestSchemas } from './schemas.generated.ts'

/** What is wrong with a field and how to put it right. */
export interface Problem {
  /** As in `spec.permissions[0].operations`; empty: the object as a whole. */
  readonly path: string
  readonly message: string
}

/** Every problem of a manifest, sorted by path; none: the API server takes it as far as it goes by itself. */
export function validateManifest(object: unknown): readonly Problem[] {
  if (!isRecord(object)) return [{ path: '', message: 'must be an object' }]
  const { apiVersion, kind } = object
  const schema = typeof kind === 'string' ? manifestSchemas[kind] : undefined
  if (apiVersion !== manifestApiVersion) return [{ path: 'apiVersion', message: `must be ${manifestApiVersion}` }]
  if (typeof kind !== 'string' || !schema)
    return [{ path: 'kind', message: `must be one of ${Object.keys(manifestSchemas).join(', ')}` }]
  const check = checkFor(kind, schema)
  check(object)
  const found = [
    ...(check.errors ?? []).flatMap((error) => problemsOf(error, object)),
    ...metadataProblems(kind, object),
  ]
  // As the API server does: rules are judged where the shape is right.
  if (found.length === 0) found.push(...ruleProblems(schema, object, ''))
  return found.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
}

/** Group and version of every kind of this release. */
export const manifestApiVersion = 'sallyport.dev/v1alpha1'

const checks = new Map<string, ValidateFunction>()

/** Compiled when first asked for: who never validates does not wait for it. */
function checkFor(kind: string, schema: ManifestSchema): ValidateFunction {
  const known = checks.get(kind)
  if (known) return known
  const ajv = new Ajv({ allErrors: true, allowUnionTypes: true, verbose: true })
  ajv.addVocabulary(['x-rules', 'x-keys'])
  ajvFormats.default(ajv, ['date-time'])
  const check = ajv.compile({ ...schema })
  checks.set(kind, check)
  return check
}

function problemsOf(error: ErrorObject, object: unknown): readonly Problem[] {
  const path = fieldPath(error.instancePath, object)
  const params: Readonly<Record<string, unknown>> = error.params
  switch (error.keyword) {
    case 'required':
      return [{ path: join(path, String(params.missingProperty)), message: 'must be given' }]
    case 'additionalProperties':
      return [unknownField(error, path)]
    case 'type':
      return [{ path, message: `must be ${typeNames(params.type)}` }]
    case 'enum':
      return [{ path, message: `must be one of ${listed(params.allowedValues)}` }]
    case 'minimum':
      return [{ path, message: `must be at least ${String(params.limit)}` }]
    case 'maximum':
      return [{ path, message: `must be at most ${String(params.limit)}` }]
    case 'minLength':
    case 'minItems':
      return [{ path, message: 'must not be empty' }]
    case 'maxLength':
      return [{ path, message: `must have at most ${String(params.limit)} characters` }]
    case 'maxItems':
    case 'maxProperties':
      return [{ path, message: `must have at most ${String(params.limit)} entries` }]
    case 'uniqueItems':
      return [
        { path: `${path}[${Math.max(Number(params.i), Number(params.j))}]`, message: 'is there already; remove it' },
      ]
    case 'format':
      return [{ path, message: 'must be a time of RFC 3339, for example 2026-01-02T15:04:05Z' }]
    default:
      return [{ path, message: error.message ?? 'is not valid' }]
  }
}

function unknownField({ params, parentSchema }: ErrorObject, path: string): Problem {
  const known: unknown = parentSchema?.properties
  const names = isRecord(known) ? Object.keys(known).join(', ') : ''
  const field = join(path, String(Reflect.get(params, 'additionalProperty')))
  return { path: field, message: `is not a known field; remove it, or use one of ${names}` }
}

function typeNames(type: unknown): string {
  const names = [type].flat().map((each) => (each === 'integer' ? 'a whole number' : `a${/^[aeiou]/.test(String(each)) ? 'n' : ''} ${String(each)}`)) // prettier-ignore
  return names.join(' or ')
}

function listed(values: unknown): string {
  return Array.isArray(values) ? values.join(', ') : ''
}

function metadataProblems(kind: string, { metadata }: Readonly<Record<string, unknown>>): readonly Problem[] {
  if (!isRecord(metadata)) return [{ path: 'metadata', message: 'must be given, with a name' }]
  const { name, generateName, namespace } = metadata
  const problems: Problem[] = []
  if (name === undefined ? typeof generateName !== 'string' : !isName(name, 253))
    problems.push({ path: 'metadata.name', message: 'must be a name: lower case letters, digits, - and .' })
  if (namespace !== undefined && clusterScopedKinds.includes(kind))
    problems.push({ path: 'metadata.namespace', message: `must not be given: a ${kind} is in no namespace` })
  else if (namespace !== undefined && !isName(namespace, 63))
    problems.push({ path: 'metadata.namespace', message: 'must be a name: lower case letters, digits and -' })
  return problems
}

/** RFC 1123 subdomain. */
function isName(value: unknown, maxLength: number): boolean {
  const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
  return typeof value === 'string' && value.length <= maxLength && new RegExp(`^${label}(\\.${label})*$`).test(value)
}

/** Rules and keys of lists, everywhere in the object; its shape is right. */
function ruleProblems(schema: ManifestSchema, value: unknown, path: string): readonly Problem[] {
  const failed = (schema['x-rules'] ?? []).filter(({ rule }) => !checkOf(rule)(value))
  const found = failed.map(({ message }) => ({ path, message }))
  if (Array.isArray(value)) {
    const { items = {} } = schema
    const inside = value.flatMap((item: unknown, index) => ruleProblems(items, item, `${path}[${index}]`))
    return [...found, ...inside, ...repeated(schema, value, path)]
  }
  if (!isRecord(value)) return found
  const inside = Object.entries(value).flatMap(([key, below]) => {
    const { additionalProperties: any } = schema
    const next = schema.properties?.[key] ?? (typeof any === 'object' ? any : {})
    return ruleProblems(next, below, join(path, key))
  })
  return [...found, ...inside]
}

function repeated(schema: ManifestSchema, values: readonly unknown[], path: string): readonly Problem[] {
  const keys = schema['x-keys']
  if (!keys) return []
  const names = values.map((value) => JSON.stringify(keys.map((key) => (isRecord(value) ? value[key] : null))))
  return names.flatMap((name, index) =>
    names.indexOf(name) < index ? [{ path: `${path}[${index}]`, message: 'is there already; remove it' }] : [],
  )
}

/** A JSON pointer as Kubernetes writes paths. */
function fieldPath(pointer: string, object: unknown): string {
  let path = ''
  let here = object
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
    path = Array.isArray(here) ? `${path}[${key}]` : join(path, key)
    here = typeof here === 'object' && here !== null ? Reflect.get(here, key) : undefined
  }
  return path
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
