import type { JSONSchema } from 'json-schema-to-typescript'
import type { Schema } from './crd-schema.ts'

/** OpenAPI as the JSON Schema that types are made from: what only Kubernetes knows is left out. */
export function toTypeSchema(schema: Schema): JSONSchema {
  const { properties, items, additionalProperties, description, type, enum: values, required } = schema
  if (schema['x-kubernetes-int-or-string'] === true) return { description, type: ['integer', 'string'] }
  const result: JSONSchema = { description, type: type as JSONSchema['type'], additionalProperties: isOpen(schema) }
  if (values) result.enum = [...values]
  if (required) result.required = [...required]
  if (items) result.items = toTypeSchema(items)
  if (typeof additionalProperties === 'object') result.additionalProperties = toTypeSchema(additionalProperties)
  if (properties) result.properties = mapValues(properties, toTypeSchema)
  return result
}

const bounds = ['minimum', 'maximum', 'minItems', 'maxItems', 'minLength', 'maxLength', 'maxProperties'] as const

/**
 * OpenAPI as the JSON Schema that manifests are validated with: nothing unknown is let through, and the rules go along
 * as `x-rules` (without those about a change: a manifest by itself is none) and `x-keys`.
 */
export function toManifestSchema(schema: Schema): Record<string, unknown> {
  const { properties, items, additionalProperties, required } = schema
  const rules = (schema['x-kubernetes-validations'] ?? []).filter(({ rule }) => !rule.includes('oldSelf'))
  const keys = schema['x-kubernetes-list-map-keys']
  const result: Record<string, unknown> = { type: schema.type }
  if (schema['x-kubernetes-int-or-string'] === true) result.type = ['integer', 'string']
  if (schema.type === 'object') result.additionalProperties = isOpen(schema)
  for (const bound of bounds) if (schema[bound] !== undefined) result[bound] = schema[bound]
  if (schema.format === 'date-time') result.format = schema.format
  if (schema.enum) result.enum = schema.enum
  if (required) result.required = required
  if (items) result.items = toManifestSchema(items)
  if (schema['x-kubernetes-list-type'] === 'set') result.uniqueItems = true
  if (keys) result['x-keys'] = keys
  if (typeof additionalProperties === 'object') result.additionalProperties = toManifestSchema(additionalProperties)
  if (properties) result.properties = mapValues(properties, toManifestSchema)
  if (rules.length > 0) result['x-rules'] = rules.map(({ rule, message }) => ({ rule, message }))
  return result
}

function isOpen(schema: Schema): boolean {
  const { type, properties, additionalProperties } = schema
  if (schema['x-kubernetes-preserve-unknown-fields'] === true) return true
  return type === 'object' && !properties && additionalProperties === undefined
}

function mapValues<T, R>(record: Readonly<Record<string, T>>, make: (value: T) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, make(value)]))
}
